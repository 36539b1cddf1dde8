/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.Function;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** The small states of the source and of the sink, as bytes. */
final class Serializers {
    private Serializers() {}

    static SimpleVersionedSerializer<OrdersSplit> split() {
        return new Fixed<>(
                split -> ByteBuffer.allocate(12).putInt(split.partition).putLong(split.next()),
                bytes -> new OrdersSplit(bytes.getInt(), bytes.getLong()));
    }

    static SimpleVersionedSerializer<Long> count() {
        return new Fixed<>(count -> ByteBuffer.allocate(8).putLong(count), ByteBuffer::getLong);
    }

    static SimpleVersionedSerializer<int[]> partitions() {
        return new Fixed<>(
                list -> {
                    ByteBuffer bytes = ByteBuffer.allocate(4 * list.length);
                    bytes.asIntBuffer().put(list);
                    return bytes;
                },
                bytes -> {
                    int[] list = new int[bytes.remaining() / 4];
                    bytes.asIntBuffer().get(list);
                    return list;
                });
    }

    private static final class Fixed<T> implements SimpleVersionedSerializer<T> {
        private final Function<T, ByteBuffer> write;
        private final Function<ByteBuffer, T> read;

        Fixed(Function<T, ByteBuffer> write, Function<ByteBuffer, T> read) {
            this.write = write;
            this.read = read;
        }

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(T value) {
            return write.apply(value).array();
        }

        @Override
        public T deserialize(int version, byte[] bytes) throws IOException {
            if (version != getVersion()) {
                throw new IOException("state of the lab's job has version " + version + ", this is " + getVersion());
            }
            return read.apply(ByteBuffer.wrap(bytes));
        }
    }
}
