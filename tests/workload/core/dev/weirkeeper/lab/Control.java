/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/**
 * The job's folder of orders from outside: the rate table and the switches, re-read while it runs.
 *
 * <p>A table is used for 200 ms after it was read, and the lab writes every change at least a second
 * ahead of the time from which it holds; so no reader ever computes arrivals with an outdated table.
 */
final class Control {
    private static final long VALID_MS = 200;

    private final Path folder;
    private long readAt = Long.MIN_VALUE;
    private long ratesStamp = Long.MIN_VALUE;
    private long switchesStamp = Long.MIN_VALUE;
    private volatile Rates rates;
    private volatile Switches switches = new Switches(new Properties());

    Control(String folder) {
        this.folder = Path.of(folder);
        refresh(System.currentTimeMillis());
    }

    /** To be called with the time that is then used; only from the thread of the task. */
    void refresh(long now) {
        if (now - VALID_MS < readAt) {
            return;
        }
        try {
            readRates();
            readSwitches();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the control folder of the job", e);
        }
        readAt = now;
    }

    Rates rates() {
        return rates;
    }

    Switches switches() {
        return switches;
    }

    private void readRates() throws IOException {
        Path file = folder.resolve("rates");
        long stamp = stamp(file);
        if (stamp != ratesStamp) {
            rates = Rates.parse(Files.readAllLines(file));
            ratesStamp = stamp;
        }
    }

    private void readSwitches() throws IOException {
        Path file = folder.resolve("switches");
        long stamp = stamp(file);
        if (stamp != switchesStamp) {
            Properties properties = new Properties();
            try (Reader reader = Files.newBufferedReader(file)) {
                properties.load(reader);
            }
            switches = new Switches(properties);
            switchesStamp = stamp;
        }
    }

    private static long stamp(Path file) throws IOException {
        return Files.getLastModifiedTime(file).to(java.util.concurrent.TimeUnit.NANOSECONDS);
    }
}
