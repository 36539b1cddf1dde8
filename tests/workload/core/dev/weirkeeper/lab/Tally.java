/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.util.OptionalLong;
import org.apache.flink.api.common.JobInfo;
import org.apache.flink.api.common.TaskInfo;

/** Counts of one subtask, with what tells its attempt apart from earlier ones in the report. */
final class Tally {
    private final String head;
    private final String file;
    private volatile long records;
    private volatile long violations;

    /** @param restored the checkpoint it started from: the one figure that all subtasks of a start share */
    Tally(String vertex, JobInfo job, TaskInfo task, OptionalLong restored, long records, long violations) {
        this.records = records;
        this.violations = violations;
        this.file = vertex + "-" + task.getIndexOfThisSubtask() + ".json";
        this.head = "{\"vertex\":\"" + vertex + "\",\"job\":\"" + job.getJobId()
                + "\",\"openedAt\":" + System.currentTimeMillis()
                + ",\"restored\":" + restored.orElse(0)
                + ",\"attempt\":" + task.getAttemptNumber()
                + ",\"subtask\":" + task.getIndexOfThisSubtask()
                + ",\"parallelism\":" + task.getNumberOfParallelSubtasks();
    }

    /** Only the thread of the task counts. */
    void count(boolean violation) {
        records = records + 1;
        if (violation) {
            violations = violations + 1;
        }
    }

    long records() {
        return records;
    }

    long violations() {
        return violations;
    }

    Report report(String control) {
        return new Report(control, file, this::figures);
    }

    private String figures() {
        return head + ",\"records\":" + records + ",\"violations\":" + violations + "}";
    }
}
