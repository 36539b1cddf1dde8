/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import org.apache.flink.api.connector.source.SourceSplit;

/** One partition of the source and the offset that is to be read next. */
final class OrdersSplit implements SourceSplit {
    final int partition;
    private volatile long next;

    OrdersSplit(int partition, long next) {
        this.partition = partition;
        this.next = next;
    }

    long next() {
        return next;
    }

    /** Only the thread of the task writes; the gauge and the report read. */
    void advance() {
        next = next + 1;
    }

    @Override
    public String splitId() {
        return Integer.toString(partition);
    }
}
