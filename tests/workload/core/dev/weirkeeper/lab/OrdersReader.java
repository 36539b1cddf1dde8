/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.metrics.Counter;

/** Emits what has arrived in its partitions, oldest first. */
final class OrdersReader implements SourceReader<Order, OrdersSplit> {
    /** How long it sleeps when nothing has arrived; bounds the event-time lag of an idle job. */
    private static final long IDLE_MS = 5;

    private static final CompletableFuture<Void> NOW = CompletableFuture.completedFuture(null);

    private final Options options;
    private final SourceReaderContext context;
    private final Control control;
    private final Keys keys;
    private final Pacer pacer = new Pacer();
    private final Counter recordsIn;
    private final List<OrdersSplit> splits = new CopyOnWriteArrayList<>();
    private final long openedAt = System.currentTimeMillis();
    private long arrived;
    private boolean noMoreSplits;
    private Report report;

    OrdersReader(Options options, SourceReaderContext context) {
        this.options = options;
        this.context = context;
        this.control = new Control(options.control);
        this.keys = options.keys();
        // Not built on SourceReaderBase, so the counter and the gauge are ours to keep.
        this.recordsIn = context.metricGroup().getIOMetricGroup().getNumRecordsInCounter();
        context.metricGroup().setPendingRecordsGauge(this::pending);
    }

    @Override
    public void start() {
        report = new Report(options.control, "source-" + context.getIndexOfSubtask() + ".json", this::figures);
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Order> output) {
        OrdersSplit split = oldest();
        if (split == null || number(split) >= arrived) {
            look();
            split = oldest();
        }
        if (split == null || number(split) >= arrived) {
            return finished() ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
        }
        emit(split, output);
        return InputStatus.MORE_AVAILABLE;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        OrdersSplit split = oldest();
        if (split != null && number(split) < arrived) {
            return NOW;
        }
        return new CompletableFuture<Void>().completeOnTimeout(null, IDLE_MS, TimeUnit.MILLISECONDS);
    }

    @Override
    public List<OrdersSplit> snapshotState(long checkpointId) {
        return splits.stream().map(s -> new OrdersSplit(s.partition, s.next())).collect(Collectors.toList());
    }

    @Override
    public void addSplits(List<OrdersSplit> added) {
        splits.addAll(added);
    }

    @Override
    public void notifyNoMoreSplits() {
        noMoreSplits = true;
    }

    @Override
    public void close() {
        if (report != null) {
            report.close();
        }
    }

    private void look() {
        long now = System.currentTimeMillis();
        control.refresh(now);
        arrived = Math.min(options.limit, control.rates().arrived(now));
        control.switches().throwIfAsked("source");
    }

    private void emit(OrdersSplit split, ReaderOutput<Order> output) {
        long began = System.nanoTime();
        Switches switches = control.switches();
        long number = number(split);
        Order order = keys.order(number, control.rates().arrivalOf(number), switches.hotShare, switches.hotEver);
        split.advance();
        recordsIn.inc();
        output.collect(order, order.arrivedAt);
        if (switches.sourceCostMs > 0) {
            control.refresh(System.currentTimeMillis());
            pacer.spend(Switches.nanos(switches.sourceCostMs), began);
        } else if (split.next() % 64 == 0) {
            look(); // in a long catch-up the switches must still be seen
        }
    }

    private OrdersSplit oldest() {
        OrdersSplit oldest = null;
        for (OrdersSplit split : splits) {
            if (oldest == null || number(split) < number(oldest)) {
                oldest = split;
            }
        }
        return oldest;
    }

    private long number(OrdersSplit split) {
        return split.next() * options.partitions + split.partition;
    }

    private boolean finished() {
        return options.bounded() && noMoreSplits && splits.stream().allMatch(s -> number(s) >= options.limit);
    }

    /** Called by the thread of the metrics: reads only what is safe to read from there. */
    private long pending() {
        long head = Math.min(options.limit, control.rates().arrived(System.currentTimeMillis()));
        long pending = 0;
        for (OrdersSplit split : splits) {
            pending += Math.max(0, Partitions.head(head, split.partition, options.partitions) - split.next());
        }
        return pending;
    }

    private String figures() {
        String offsets = splits.stream()
                .map(split -> "\"" + split.partition + "\":" + split.next())
                .collect(Collectors.joining(","));
        return "{\"vertex\":\"source\",\"openedAt\":" + openedAt + ",\"offsets\":{" + offsets + "}}";
    }
}
