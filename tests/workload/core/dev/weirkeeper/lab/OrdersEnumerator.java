/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;

/** Deals the partitions out once all readers are there; later they travel in the readers' state. */
final class OrdersEnumerator implements SplitEnumerator<OrdersSplit, int[]> {
    private final SplitEnumeratorContext<OrdersSplit> context;
    private final List<OrdersSplit> unassigned = new ArrayList<>();

    OrdersEnumerator(SplitEnumeratorContext<OrdersSplit> context, int[] partitions) {
        this.context = context;
        for (int partition : partitions) {
            unassigned.add(new OrdersSplit(partition, 0));
        }
    }

    @Override
    public void start() {}

    @Override
    public void handleSplitRequest(int subtask, String host) {}

    @Override
    public void addSplitsBack(List<OrdersSplit> splits, int subtask) {
        unassigned.addAll(splits);
    }

    @Override
    public void addReader(int subtask) {
        int parallelism = context.currentParallelism();
        if (context.registeredReaders().size() < parallelism) {
            return;
        }
        for (OrdersSplit split : unassigned) {
            context.assignSplit(split, split.partition % parallelism);
        }
        unassigned.clear();
        for (int reader = 0; reader < parallelism; reader++) {
            context.signalNoMoreSplits(reader);
        }
    }

    @Override
    public int[] snapshotState(long checkpointId) {
        return unassigned.stream().mapToInt(split -> split.partition).toArray();
    }

    @Override
    public void close() {}
}
