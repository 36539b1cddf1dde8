// SPDX-License-Identifier: Apache-2.0
package dev.weirkeeper.peer;

import java.util.Iterator;
import java.util.Map;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.autoscaler.JobAutoScalerContext;
import org.apache.flink.autoscaler.realizer.ScalingRealizer;
import org.apache.flink.autoscaler.tuning.ConfigChanges;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/** Asks Flink in place for what was decided, if it is asked for something else. */
final class RestRealizer implements ScalingRealizer<JobID, JobAutoScalerContext<JobID>> {

    private final FlinkRest rest;

    RestRealizer(FlinkRest rest) {
        this.rest = rest;
    }

    @Override
    public void realizeParallelismOverrides(JobAutoScalerContext<JobID> job, Map<String, String> overrides)
            throws Exception {
        if (job.getJobStatus() != JobStatus.RUNNING) {
            return;
        }
        String path = "/jobs/" + job.getJobID() + "/resource-requirements";
        JsonNode asked = rest.get(path);
        boolean changed = false;
        for (Iterator<String> vertices = asked.fieldNames(); vertices.hasNext();) {
            String vertex = vertices.next();
            if (overrides.containsKey(vertex)) {
                changed |= set(asked.path(vertex).path("parallelism"), Integer.parseInt(overrides.get(vertex)));
            }
        }
        if (changed) {
            rest.put(path, asked);
            Output.print("put", asked.toString());
        }
    }

    private static boolean set(JsonNode bounds, int parallelism) {
        boolean same = bounds.path("lowerBound").asInt() == 1 && bounds.path("upperBound").asInt() == parallelism;
        ((ObjectNode) bounds).put("lowerBound", 1).put("upperBound", parallelism);
        return !same;
    }

    @Override
    public void realizeConfigOverrides(JobAutoScalerContext<JobID> job, ConfigChanges changes) {
        // Memory cannot be changed in place.
    }
}
