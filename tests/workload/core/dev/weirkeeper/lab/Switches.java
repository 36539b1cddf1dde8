/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.Properties;

/** What can be changed in a running job. The list for people is in the lab's own help. */
final class Switches {
    final double sourceCostMs;
    final double costMs;
    final double sinkCostMs;
    final double hotShare;
    final boolean hotEver;
    final String throwIn;
    final long poison;
    final long snapshotSleepMs;
    final boolean snapshotThrow;
    final int bytesPerKey;
    private final int slowSubtask;
    private final double slowFactor;
    private final int worseAbove;
    private final double worseFactor;

    Switches(Properties properties) {
        sourceCostMs = number(properties, "source-cost-ms");
        costMs = number(properties, "cost-ms");
        sinkCostMs = number(properties, "sink-cost-ms");
        hotShare = number(properties, "hot-share");
        hotEver = Boolean.parseBoolean(properties.getProperty("hot-ever"));
        throwIn = properties.getProperty("throw", "none");
        poison = Long.parseLong(properties.getProperty("poison", "-1"));
        snapshotSleepMs = (long) number(properties, "snapshot-sleep-ms");
        snapshotThrow = Boolean.parseBoolean(properties.getProperty("snapshot-throw"));
        bytesPerKey = (int) number(properties, "bytes-per-key");
        String[] slow = properties.getProperty("slow-subtask", "-1:1").split(":");
        slowSubtask = Integer.parseInt(slow[0]);
        slowFactor = Double.parseDouble(slow[1]);
        String[] worse = properties.getProperty("worse-above", "2147483647:1").split(":");
        worseAbove = Integer.parseInt(worse[0]);
        worseFactor = Double.parseDouble(worse[1]);
    }

    /** Nanoseconds that one record takes in this subtask of the middle vertex. */
    long costNanos(int subtask, int parallelism) {
        double factor = subtask == slowSubtask ? slowFactor : 1;
        return nanos(costMs * factor * (parallelism > worseAbove ? worseFactor : 1));
    }

    void throwIfAsked(String where) {
        if (throwIn.equals(where) || throwIn.equals("all")) {
            throw new LabFailure("switched on: throw in " + where);
        }
    }

    static long nanos(double milliseconds) {
        return Math.round(milliseconds * 1_000_000);
    }

    private static double number(Properties properties, String name) {
        return Double.parseDouble(properties.getProperty(name, "0"));
    }

    /** Named, so that a failure that was asked for is told apart from one that was not. */
    static final class LabFailure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        LabFailure(String message) {
            super(message);
        }
    }
}
