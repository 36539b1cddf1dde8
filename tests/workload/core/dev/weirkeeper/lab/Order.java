/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

/** One record. Public fields and an empty constructor, so that Flink serialises it as a POJO. */
public class Order {
    /** Position in the whole stream: partition and offset follow from it. */
    public long number;

    public int partition;

    /** The key whose sequence is checked. */
    public int key;

    /** The key it is sent by: another one while a hot key is switched on. */
    public int route;

    /** How many records of this key came before. */
    public long sequence;

    /** Arrival in epoch milliseconds; it is the event time as well. */
    public long arrivedAt;

    /** True once a hot key has moved records between keys: gaps are then expected, repeats are not. */
    public boolean gapsAllowed;
}
