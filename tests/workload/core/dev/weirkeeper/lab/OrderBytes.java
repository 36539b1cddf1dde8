/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.nio.ByteBuffer;

/** An order as the value of a broker's record. */
final class OrderBytes {
    private static final int SIZE = 37;

    private OrderBytes() {}

    /** @param padding bytes added so that records have the size of real ones */
    static byte[] write(Order order, int padding) {
        ByteBuffer bytes = ByteBuffer.allocate(SIZE + padding);
        bytes.putLong(order.number).putInt(order.partition).putInt(order.key).putInt(order.route);
        bytes.putLong(order.sequence).putLong(order.arrivedAt).put((byte) (order.gapsAllowed ? 1 : 0));
        return bytes.array();
    }

    static Order read(byte[] value) {
        ByteBuffer bytes = ByteBuffer.wrap(value);
        Order order = new Order();
        order.number = bytes.getLong();
        order.partition = bytes.getInt();
        order.key = bytes.getInt();
        order.route = bytes.getInt();
        order.sequence = bytes.getLong();
        order.arrivedAt = bytes.getLong();
        order.gapsAllowed = bytes.get() == 1;
        return order;
    }
}
