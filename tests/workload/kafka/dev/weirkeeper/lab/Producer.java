/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes what the rate table says to a topic, for ever. It never gives a record up: while the broker is
 * away records wait here, with the time at which they arrived.
 */
public final class Producer {
    private static final long IDLE_MS = 5;

    private final Options options;
    private final Control control;
    private final Keys keys;
    private final String topic;
    private final int padding;
    private final AtomicLong acknowledged = new AtomicLong();
    private volatile long sent;
    private volatile String failure;

    private Producer(Options options) {
        this.options = options;
        control = new Control(options.control);
        keys = options.keys();
        topic = options.get("topic", null);
        padding = options.integer("padding", 0);
    }

    public static void main(String[] args) throws InterruptedException {
        new Producer(Options.parse(args)).run();
    }

    private void run() throws InterruptedException {
        try (Report report = new Report(options.control, "producer.json", this::figures);
                KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings())) {
            while (failure == null) {
                long now = System.currentTimeMillis();
                control.refresh(now);
                long arrived = Math.min(options.limit, control.rates().arrived(now));
                if (sent >= arrived) {
                    Thread.sleep(IDLE_MS);
                } else {
                    send(producer, sent);
                    sent = sent + 1;
                }
            }
        }
        System.err.println("lab: the producer gave up: " + failure);
        System.exit(1);
    }

    private void send(KafkaProducer<byte[], byte[]> producer, long number) {
        Switches switches = control.switches();
        long at = control.rates().arrivalOf(number);
        Order order = keys.order(number, at, switches.hotShare, switches.hotEver);
        byte[] value = OrderBytes.write(order, padding);
        producer.send(new ProducerRecord<>(topic, order.partition, at, null, value), (metadata, error) -> {
            if (error == null) {
                acknowledged.incrementAndGet();
            } else {
                failure = error.toString();
            }
        });
    }

    private Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", options.get("bootstrap", null));
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
        // In order, once each, and patient: the counts of the oracle rest on it.
        settings.put("enable.idempotence", "true");
        settings.put("acks", "all");
        settings.put("linger.ms", "5");
        settings.put("delivery.timeout.ms", Integer.toString(Integer.MAX_VALUE));
        settings.put("max.block.ms", Long.toString(Long.MAX_VALUE));
        settings.put("request.timeout.ms", "5000");
        settings.put("reconnect.backoff.max.ms", "500");
        return settings;
    }

    private String figures() {
        return "{\"vertex\":\"producer\",\"sent\":" + sent + ",\"acknowledged\":" + acknowledged
                + ",\"failure\":" + (failure == null ? "null" : "\"" + failure.replace('"', '\'') + "\"") + "}";
    }
}
