/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;

/**
 * Which key the n-th record has.
 *
 * <p>Records repeat a cycle of 840 = lcm(1..8) slots. The slots are laid over the key groups so that
 * every subtask gets exactly its share at parallelism 1 to 8: the load between two neighbouring
 * fractions k/p is put between the key groups where Flink draws those borders. With uniform key groups
 * the busiest of 7 subtasks would get 19 of 128 groups, 4 % more than a seventh.
 */
public final class Keys {
    static final int CYCLE = 840;

    /** Coprime to the cycle and near 0.62 of it: neighbouring records land far apart. */
    private static final int STRIDE = 521;

    private static final int MAX_EVEN_PARALLELISM = 8;

    private final int partitions;
    private final int[] keyOfSlot = new int[CYCLE];
    private final int[] rankOfSlot = new int[CYCLE];
    private final int[] slotsOfKeyOfSlot = new int[CYCLE];

    /** The key that takes a share of all records while a hot key is switched on. */
    private final int hotKey;

    Keys(int partitions, int maxParallelism, int groupsUsed) {
        if (partitions < 1 || CYCLE % partitions != 0) {
            throw new IllegalArgumentException("partitions must divide 840 (1 to 8, 10, 12, ...): " + partitions);
        }
        this.partitions = partitions;
        int[] groupOfPosition = groups(maxParallelism, groupsUsed);
        Map<Long, Integer> keys = new HashMap<>();
        Map<Integer, Integer> counts = new HashMap<>();
        KeySearch search = new KeySearch(maxParallelism);
        for (int slot = 0; slot < CYCLE; slot++) {
            int group = groupOfPosition[position(slot)];
            long identity = (long) group * partitions + slot % partitions;
            int key = keys.computeIfAbsent(identity, ignored -> search.next(group));
            keyOfSlot[slot] = key;
            rankOfSlot[slot] = counts.merge(key, 1, Integer::sum) - 1;
        }
        for (int slot = 0; slot < CYCLE; slot++) {
            slotsOfKeyOfSlot[slot] = counts.get(keyOfSlot[slot]);
        }
        hotKey = keyOfSlot[0];
    }

    /** Fills in what follows from the number of the record. */
    Order order(long number, long arrivedAt, double hotShare, boolean gapsAllowed) {
        int slot = (int) (number % CYCLE);
        Order order = new Order();
        order.number = number;
        order.partition = (int) (number % partitions);
        order.key = keyOfSlot[slot];
        order.route = position(slot) < hotShare * CYCLE ? hotKey : order.key;
        order.sequence = number / CYCLE * slotsOfKeyOfSlot[slot] + rankOfSlot[slot];
        order.arrivedAt = arrivedAt;
        order.gapsAllowed = gapsAllowed;
        return order;
    }

    private static int position(int slot) {
        return (int) ((long) slot * STRIDE % CYCLE);
    }

    /** The key group of each of the 840 positions, in rising order. */
    private static int[] groups(int maxParallelism, int groupsUsed) {
        List<int[]> borders = borders(maxParallelism);
        int[] groups = new int[CYCLE];
        for (int i = 0; i + 1 < borders.size(); i++) {
            int first = borders.get(i)[0];
            int width = borders.get(i + 1)[0] - first;
            int from = borders.get(i)[1];
            int count = borders.get(i + 1)[1] - from;
            int used = Math.max(1, Math.round((float) width * groupsUsed / maxParallelism));
            for (int n = 0; n < count; n++) {
                groups[from + n] = first + Math.min(width - 1, n * Math.min(used, width) / count);
            }
        }
        return groups;
    }

    /** Pairs of key group and position: the borders of every parallelism up to eight, merged. */
    private static List<int[]> borders(int maxParallelism) {
        TreeMap<Integer, Integer> positionOfGroup = new TreeMap<>();
        for (int p = 1; p <= MAX_EVEN_PARALLELISM; p++) {
            for (int k = 0; k <= p; k++) {
                int group = (k * maxParallelism + p - 1) / p; // as KeyGroupRangeAssignment draws it
                positionOfGroup.put(group, k * CYCLE / p);
            }
        }
        List<int[]> borders = new ArrayList<>();
        positionOfGroup.forEach((group, position) -> borders.add(new int[] {group, position}));
        return borders;
    }

    /** Finds integers that hash into a wanted key group, each only once. */
    private static final class KeySearch {
        private final int maxParallelism;
        private final Map<Integer, Integer> lastOfGroup = new HashMap<>();

        KeySearch(int maxParallelism) {
            this.maxParallelism = maxParallelism;
        }

        int next(int group) {
            int key = lastOfGroup.getOrDefault(group, -1) + 1;
            while (KeyGroupRangeAssignment.assignToKeyGroup(key, maxParallelism) != group) {
                key++;
            }
            lastOfGroup.put(group, key);
            return key;
        }
    }
}
