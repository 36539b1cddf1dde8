/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.concurrent.locks.LockSupport;

/**
 * Spends time per record without using a processor, so that capacity grows with parallelism on a small
 * machine. Parked time inside an operator counts as busy. A park overshoots (by 60 us, or by much more
 * on a loaded machine): what was overslept is taken off the next records, so the mean stays exact.
 */
final class Pacer {
    /** A longer stall (a stopped process) is not caught up: it would look like infinite capacity. */
    private static final long MAX_CREDIT_NANOS = 500_000_000L;

    private long owedNanos;

    /** Spends the cost, minus what has already passed since the work on the record began. */
    void spend(long costNanos, long beganNanos) {
        if (costNanos <= 0) {
            return;
        }
        owedNanos += costNanos;
        long wakeAt = beganNanos + owedNanos;
        long left = wakeAt - System.nanoTime();
        while (left > 0 && !Thread.currentThread().isInterrupted()) {
            LockSupport.parkNanos(left);
            left = wakeAt - System.nanoTime();
        }
        owedNanos = Math.max(left, -MAX_CREDIT_NANOS);
    }
}
