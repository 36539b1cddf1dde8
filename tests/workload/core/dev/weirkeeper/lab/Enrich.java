/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.OptionalLong;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * The vertex whose parallelism matters: costs time per record and checks that every key's records come
 * once each and in order. The next expected sequence is keyed state; the counts are operator state, so
 * they move with it through checkpoints and rescales.
 */
final class Enrich extends KeyedProcessFunction<Integer, Order, Order> implements CheckpointedFunction {
    private static final long serialVersionUID = 1L;

    private final Options options;
    private transient Control control;
    private transient Pacer pacer;
    private transient Tally tally;
    private transient Report report;
    private transient ListState<long[]> counts;
    private transient MapState<Integer, Long> expected;
    private transient ValueState<byte[]> blob;
    private transient int subtask;
    private transient int parallelism;

    Enrich(Options options) {
        this.options = options;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        counts = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("counts", long[].class));
        long records = 0;
        long violations = 0;
        for (long[] part : counts.get()) {
            records += part[0];
            violations += part[1];
        }
        RuntimeContext runtime = getRuntimeContext();
        OptionalLong restored = context.getRestoredCheckpointId();
        tally = new Tally("enrich", runtime.getJobInfo(), runtime.getTaskInfo(), restored, records, violations);
    }

    @Override
    public void open(OpenContext context) throws Exception {
        subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        parallelism = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
        expected = getRuntimeContext()
                .getMapState(new MapStateDescriptor<>("expected", Integer.class, Long.class));
        blob = getRuntimeContext().getState(new ValueStateDescriptor<>("blob", byte[].class));
        control = new Control(options.control);
        pacer = new Pacer();
        report = tally.report(options.control);
    }

    @Override
    public void processElement(Order order, Context context, Collector<Order> out) throws Exception {
        long began = System.nanoTime();
        control.refresh(System.currentTimeMillis());
        Switches switches = control.switches();
        switches.throwIfAsked("enrich");
        if (order.number == switches.poison) {
            throw new Switches.LabFailure("poison record " + order.number);
        }
        tally.count(violates(order));
        if (switches.bytesPerKey > 0) {
            blob.update(new byte[switches.bytesPerKey]);
        }
        out.collect(order);
        pacer.spend(switches.costNanos(subtask, parallelism), began);
    }

    private boolean violates(Order order) throws Exception {
        Long next = expected.get(order.key);
        long wanted = next == null ? 0 : next;
        expected.put(order.key, order.sequence + 1);
        return order.gapsAllowed ? order.sequence < wanted : order.sequence != wanted;
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        control.refresh(System.currentTimeMillis());
        Switches switches = control.switches();
        if (switches.snapshotThrow) {
            throw new Switches.LabFailure("switched on: throw in snapshot");
        }
        if (switches.snapshotSleepMs > 0) {
            Thread.sleep(switches.snapshotSleepMs);
        }
        counts.update(java.util.List.of(new long[] {tally.records(), tally.violations()}));
    }

    @Override
    public void close() {
        if (report != null) {
            report.close();
        }
    }
}
