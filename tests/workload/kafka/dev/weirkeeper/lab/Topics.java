/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** create BOOTSTRAP TOPIC=N... | partitions BOOTSTRAP TOPIC N | count BOOTSTRAP TOPIC. */
public final class Topics {
    private static final String TIMEOUT_MS = "15000";

    private Topics() {}

    public static void main(String[] args) throws Exception {
        try {
            run(args);
        } catch (ExecutionException e) {
            System.err.println(e.getCause().getMessage());
            System.exit(1);
        }
    }

    private static void run(String[] args) throws Exception {
        try (Admin admin = Admin.create(settings(args[1]))) {
            if (args[0].equals("create")) {
                admin.createTopics(List.of(args).subList(2, args.length).stream()
                                .map(Topics::newTopic)
                                .collect(Collectors.toList()))
                        .all()
                        .get();
            } else if (args[0].equals("partitions")) {
                int count = Integer.parseInt(args[3]);
                admin.createPartitions(Map.of(args[2], NewPartitions.increaseTo(count))).all().get();
            } else {
                System.out.println(count(args[1], args[2]));
            }
        }
    }

    private static NewTopic newTopic(String pair) {
        int equals = pair.lastIndexOf('=');
        return new NewTopic(pair.substring(0, equals), Integer.parseInt(pair.substring(equals + 1)), (short) 1);
    }

    /** What a reader of committed records sees, by number of the order. */
    private static String count(String bootstrap, String topic) {
        Properties settings = settings(bootstrap);
        settings.put("isolation.level", "read_committed");
        long records = 0;
        BitSet seen = new BitSet();
        var bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .collect(Collectors.toList());
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    records++;
                    seen.set((int) OrderBytes.read(record.value()).number);
                }
            }
        }
        int distinct = seen.cardinality();
        return "{\"records\":" + records + ",\"distinct\":" + distinct + ",\"duplicates\":" + (records - distinct)
                + ",\"missing\":" + (seen.length() - distinct) + "}";
    }

    private static Properties settings(String bootstrap) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("default.api.timeout.ms", TIMEOUT_MS);
        settings.put("request.timeout.ms", "5000");
        return settings;
    }
}
