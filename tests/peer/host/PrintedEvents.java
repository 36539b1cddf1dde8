// SPDX-License-Identifier: Apache-2.0
package dev.weirkeeper.peer;

import java.time.Duration;
import org.apache.flink.api.common.JobID;
import org.apache.flink.autoscaler.JobAutoScalerContext;
import org.apache.flink.autoscaler.event.AutoScalerEventHandler;

/** Prints what the library tells. */
final class PrintedEvents implements AutoScalerEventHandler<JobID, JobAutoScalerContext<JobID>> {

    @Override
    public void handleEvent(
            JobAutoScalerContext<JobID> job, Type type, String reason, String message, String key, Duration interval) {
        Output.print(reason, message);
    }
}
