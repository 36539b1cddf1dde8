// SPDX-License-Identifier: Apache-2.0
package dev.weirkeeper.peer;

import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.autoscaler.JobAutoScalerContext;
import org.apache.flink.autoscaler.JobAutoScalerImpl;
import org.apache.flink.autoscaler.RestApiMetricsCollector;
import org.apache.flink.autoscaler.ScalingExecutor;
import org.apache.flink.autoscaler.ScalingMetricEvaluator;
import org.apache.flink.autoscaler.state.InMemoryAutoScalerStateStore;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.highavailability.nonha.standalone.StandaloneClientHAServices;

/**
 * Runs the published autoscaler against a Flink's REST API. The list of jobs and the requests to change parallelism are
 * plain REST; everything between them is the library. Each line of its output is one JSON object.
 */
public final class PeerHost {

    private final URI flink;
    private final FlinkRest rest;
    private final Map<String, String> options;
    private final JobAutoScalerImpl<JobID, JobAutoScalerContext<JobID>> autoscaler;

    private PeerHost(URI flink, Map<String, String> options) {
        this.flink = flink;
        this.options = options;
        rest = new FlinkRest(flink);
        var events = new PrintedEvents();
        var store = new InMemoryAutoScalerStateStore<JobID, JobAutoScalerContext<JobID>>();
        autoscaler = new JobAutoScalerImpl<>(
                new RestApiMetricsCollector<>(), new ScalingMetricEvaluator(), new ScalingExecutor<>(events, store),
                events, new RestRealizer(rest), store);
    }

    /** PeerHost URL INTERVAL_MS [KEY=VALUE ...] */
    public static void main(String[] args) throws Exception {
        var options = new HashMap<String, String>();
        options.put("job.autoscaler.enabled", "true");
        for (int i = 2; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            options.put(pair[0], pair[1]);
        }
        var host = new PeerHost(URI.create(args[0]), options);
        long interval = Long.parseLong(args[1]);
        for (long next = System.currentTimeMillis();; next += interval) {
            Thread.sleep(Math.max(0, next - System.currentTimeMillis()));
            host.cycle();
        }
    }

    private void cycle() {
        try {
            for (FlinkRest.Job job : rest.jobs()) {
                scale(job);
            }
        } catch (Exception problem) {
            Output.print("problem", problem.toString());
        }
    }

    /** One job's failure must not stop the others. */
    private void scale(FlinkRest.Job job) {
        try {
            autoscaler.scale(context(job));
        } catch (Exception problem) {
            Output.print("problem", job.name() + ": " + problem);
        }
    }

    /** The job's own options, and over them those of the command line. */
    private JobAutoScalerContext<JobID> context(FlinkRest.Job job) throws Exception {
        var configuration = Configuration.fromMap(rest.configuration(job.id()));
        options.forEach(configuration::setString);
        return new JobAutoScalerContext<>(
                JobID.fromHexString(job.id()), JobID.fromHexString(job.id()), JobStatus.valueOf(job.status()),
                configuration, new UnregisteredMetricsGroup(), this::client);
    }

    private RestClusterClient<String> client() throws Exception {
        var configuration = new Configuration();
        configuration.set(RestOptions.ADDRESS, flink.getHost());
        configuration.set(RestOptions.PORT, flink.getPort());
        return new RestClusterClient<>(
                configuration, "peer", (c, handler) -> new StandaloneClientHAServices(flink.toString()));
    }
}
