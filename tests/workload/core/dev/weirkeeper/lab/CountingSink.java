/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.Collection;
import java.util.List;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.StatefulSinkWriter;
import org.apache.flink.api.connector.sink2.SupportsWriterState;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Throws records away and counts them. It extends Flink's own discarding sink because the method that
 * 1.20 wants every sink to have takes a type that 2.x no longer has: this way one source fits both.
 */
final class CountingSink extends DiscardingSink<Order> implements SupportsWriterState<Order, Long> {
    private static final long serialVersionUID = 1L;

    private final Options options;

    CountingSink(Options options) {
        this.options = options;
    }

    @Override
    public SinkWriter<Order> createWriter(WriterInitContext context) {
        return new Writer(context, 0);
    }

    @Override
    public StatefulSinkWriter<Order, Long> restoreWriter(WriterInitContext context, Collection<Long> counts) {
        return new Writer(context, counts.stream().mapToLong(Long::longValue).sum());
    }

    @Override
    public SimpleVersionedSerializer<Long> getWriterStateSerializer() {
        return Serializers.count();
    }

    private final class Writer implements StatefulSinkWriter<Order, Long> {
        private final Control control = new Control(options.control);
        private final Pacer pacer = new Pacer();
        private final Tally tally;
        private final Report report;

        Writer(WriterInitContext context, long count) {
            tally = new Tally("sink", context.getJobInfo(), context.getTaskInfo(), context.getRestoredCheckpointId(), count, 0);
            report = tally.report(options.control);
        }

        @Override
        public void write(Order order, SinkWriter.Context context) {
            long began = System.nanoTime();
            control.refresh(System.currentTimeMillis());
            control.switches().throwIfAsked("sink");
            tally.count(false);
            pacer.spend(Switches.nanos(control.switches().sinkCostMs), began);
        }

        @Override
        public void flush(boolean endOfInput) {}

        @Override
        public List<Long> snapshotState(long checkpointId) {
            return List.of(tally.records());
        }

        @Override
        public void close() {
            report.close();
        }
    }
}
