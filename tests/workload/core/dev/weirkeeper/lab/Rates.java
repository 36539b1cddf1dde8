/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Arrivals as a pure function of the wall clock: a table of (epoch ms, records per second).
 *
 * <p>Everyone who reads the table computes the same number of arrivals, running or not, so a backlog
 * grows while the job is down, as it would in a broker. Rates are kept in thousandths of a record per
 * second, the integral therefore in millionths of a record: whole numbers, so that the lab's own
 * arithmetic in another language gives the very same figure.
 */
public final class Rates {
    private static final long UNIT = 1_000_000L;

    private final long[] at;
    private final long[] milliRate;
    private final long[] sumBefore;

    private Rates(long[] at, long[] milliRate) {
        this.at = at;
        this.milliRate = milliRate;
        this.sumBefore = new long[at.length];
        for (int i = 1; i < at.length; i++) {
            sumBefore[i] = sumBefore[i - 1] + milliRate[i - 1] * (at[i] - at[i - 1]);
        }
    }

    /** Lines of "epoch-ms milli-records-per-second", times not falling. */
    static Rates parse(List<String> lines) {
        List<long[]> rows = new ArrayList<>();
        for (String line : lines) {
            if (!line.isBlank()) {
                rows.add(Arrays.stream(line.trim().split("\\s+")).mapToLong(Long::parseLong).toArray());
            }
        }
        long[] at = rows.stream().mapToLong(row -> row[0]).toArray();
        long[] milliRate = rows.stream().mapToLong(row -> row[1]).toArray();
        return new Rates(at, milliRate);
    }

    /** Records that have arrived by this time. */
    long arrived(long now) {
        int i = segment(now);
        return i < 0 ? 0 : (sumBefore[i] + milliRate[i] * (now - at[i])) / UNIT;
    }

    /** When the record of this number (from 0) arrives; it must lie within the table. */
    long arrivalOf(long number) {
        long wanted = (number + 1) * UNIT;
        int i = at.length - 1;
        while (i > 0 && sumBefore[i] >= wanted) {
            i--;
        }
        long rate = Math.max(1, milliRate[i]);
        return at[i] + (wanted - sumBefore[i] + rate - 1) / rate;
    }

    private int segment(long now) {
        int i = at.length - 1;
        while (i >= 0 && at[i] > now) {
            i--;
        }
        return i;
    }
}
