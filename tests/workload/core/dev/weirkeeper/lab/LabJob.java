/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Source: orders -HASH-> enrich -FORWARD-> discard: Writer. Names and uids are part of the lab's contract. */
public final class LabJob {
    private LabJob() {}

    public static void main(String[] args) throws Exception {
        Options options = Options.parse(args);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setMaxParallelism(options.maxParallelism);
        SingleOutputStreamOperator<Order> enriched = orders(env, options)
                .keyBy(order -> order.route)
                .process(new Enrich(options))
                .name("enrich")
                .uid("enrich")
                .disableChaining();
        setParallelism(enriched.getTransformation(), options, "enrich");
        sink(enriched, options);
        env.execute(options.get("job-name", "lab-job"));
    }

    private static DataStream<Order> orders(StreamExecutionEnvironment env, Options options) throws Exception {
        SingleOutputStreamOperator<Order> orders = options.get("topic", null) != null
                ? kafka().orders(env, options)
                : env.fromSource(new OrdersSource(options), WatermarkStrategy.forMonotonousTimestamps(), "orders")
                        .uid("orders");
        setParallelism(orders.getTransformation(), options, "source");
        return orders;
    }

    private static void sink(DataStream<Order> enriched, Options options) throws Exception {
        DataStreamSink<Order> sink = options.get("sink", "plain").equals("plain")
                ? enriched.sinkTo(new CountingSink(options)).name("discard").uid("discard")
                : kafka().sink(enriched, options);
        setParallelism(sink.getTransformation(), options, "sink");
    }

    /** 0 leaves it to the submission, as jobs do that set none in their code. */
    private static void setParallelism(Transformation<?> vertex, Options options, String name) {
        int parallelism = options.integer(name + "-parallelism", 1);
        if (parallelism > 0) {
            vertex.setParallelism(parallelism);
        }
    }

    /** The connector is not in every jar of the lab, so it is looked up by name. */
    private static KafkaEnds kafka() throws Exception {
        Class<?> ends = Class.forName("dev.weirkeeper.lab.OfficialKafka");
        return (KafkaEnds) ends.getDeclaredConstructor().newInstance();
    }
}
