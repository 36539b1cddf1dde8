/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** Orders that arrive by the wall clock, in partitions; nothing is stored, every record is computed. */
final class OrdersSource implements Source<Order, OrdersSplit, int[]> {
    private static final long serialVersionUID = 1L;

    private final Options options;

    OrdersSource(Options options) {
        this.options = options;
    }

    @Override
    public Boundedness getBoundedness() {
        return options.bounded() ? Boundedness.BOUNDED : Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public SourceReader<Order, OrdersSplit> createReader(SourceReaderContext context) {
        return new OrdersReader(options, context);
    }

    @Override
    public SplitEnumerator<OrdersSplit, int[]> createEnumerator(SplitEnumeratorContext<OrdersSplit> context) {
        int[] all = new int[options.partitions];
        java.util.Arrays.setAll(all, partition -> partition);
        return new OrdersEnumerator(context, all);
    }

    @Override
    public SplitEnumerator<OrdersSplit, int[]> restoreEnumerator(
            SplitEnumeratorContext<OrdersSplit> context, int[] unassigned) {
        return new OrdersEnumerator(context, unassigned);
    }

    @Override
    public SimpleVersionedSerializer<OrdersSplit> getSplitSerializer() {
        return Serializers.split();
    }

    @Override
    public SimpleVersionedSerializer<int[]> getEnumeratorCheckpointSerializer() {
        return Serializers.partitions();
    }
}
