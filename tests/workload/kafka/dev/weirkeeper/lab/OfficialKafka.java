/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Both ends with Flink's own Kafka connector. Event time is the record's timestamp. */
public final class OfficialKafka implements KafkaEnds {
    /** Flink's default of an hour is above what a broker grants by default. */
    private static final String TRANSACTION_TIMEOUT_MS = "600000";

    @Override
    public SingleOutputStreamOperator<Order> orders(StreamExecutionEnvironment env, Options options) {
        KafkaSource<Order> source = KafkaSource.<Order>builder()
                .setBootstrapServers(options.get("bootstrap", null))
                .setTopics(options.get("topic", null))
                .setGroupId("lab-" + options.get("job-name", "lab-job"))
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(KafkaRecordDeserializationSchema.valueOnly(new Format()))
                .setProperties(options.under("source-conf"))
                .build();
        return env.fromSource(source, WatermarkStrategy.forMonotonousTimestamps(), "orders")
                .uid("orders");
    }

    @Override
    public DataStreamSink<Order> sink(DataStream<Order> orders, Options options) {
        boolean once = options.get("sink", "").equals("kafka-eos");
        Properties producer = options.under("sink-conf");
        producer.putIfAbsent("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
        KafkaSink<Order> sink = KafkaSink.<Order>builder()
                .setBootstrapServers(options.get("bootstrap", null))
                .setRecordSerializer(KafkaRecordSerializationSchema.<Order>builder()
                        .setTopic(options.get("out-topic", null))
                        .setValueSerializationSchema(new Format())
                        .build())
                .setDeliveryGuarantee(once ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
                .setTransactionalIdPrefix("lab-" + options.get("job-name", "lab-job"))
                .setKafkaProducerConfig(producer)
                .build();
        return orders.sinkTo(sink).name("out").uid("out");
    }

    private static final class Format implements DeserializationSchema<Order>, SerializationSchema<Order> {
        private static final long serialVersionUID = 1L;

        @Override
        public Order deserialize(byte[] value) {
            return OrderBytes.read(value);
        }

        @Override
        public byte[] serialize(Order order) {
            return OrderBytes.write(order, 0);
        }

        @Override
        public boolean isEndOfStream(Order order) {
            return false;
        }

        @Override
        public TypeInformation<Order> getProducedType() {
            return TypeInformation.of(Order.class);
        }

        // Both parents have a default of this name.
        @Override
        public void open(DeserializationSchema.InitializationContext context) {}

        @Override
        public void open(SerializationSchema.InitializationContext context) {}
    }
}
