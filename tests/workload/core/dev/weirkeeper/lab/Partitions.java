/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

/** Record n lies in partition n mod P at offset n div P. */
final class Partitions {
    private Partitions() {}

    /** End offset of a partition when this many records have arrived in all. */
    static long head(long arrived, int partition, int partitions) {
        return arrived <= partition ? 0 : (arrived - partition - 1) / partitions + 1;
    }
}
