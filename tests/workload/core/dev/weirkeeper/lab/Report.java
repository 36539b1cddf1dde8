/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Writes what one subtask has counted to a file, four times a second and once at the end.
 *
 * <p>Files rather than metrics: Flink's REST metrics are fetched on demand, lag, and vanish with the
 * task, while the oracle must be exact once a job is quiet, stopped or dead.
 */
final class Report implements AutoCloseable {
    private static final long EVERY_MS = 250;

    private final Path file;
    private final Supplier<String> figures;
    private final ScheduledExecutorService timer;
    private boolean failed;

    Report(String folder, String name, Supplier<String> figures) {
        this.file = Path.of(folder, "report", name);
        this.figures = figures;
        this.timer = Executors.newSingleThreadScheduledExecutor(Report::daemon);
        write();
        timer.scheduleWithFixedDelay(this::write, EVERY_MS, EVERY_MS, TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        timer.shutdownNow();
        write();
    }

    private synchronized void write() {
        try {
            Files.createDirectories(file.getParent());
            Path fresh = file.resolveSibling(file.getFileName() + ".new");
            Files.writeString(fresh, figures.get() + "\n");
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            tell(e);
        }
    }

    private void tell(IOException e) {
        if (!failed) {
            System.err.println("lab: cannot write " + file + ": " + e);
            failed = true;
        }
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "lab-report");
        thread.setDaemon(true);
        return thread;
    }
}
