// SPDX-License-Identifier: Apache-2.0
package dev.weirkeeper.peer;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

/** The few calls that are not the library's. */
final class FlinkRest {

    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final ObjectMapper json = new ObjectMapper();
    private final String root;

    FlinkRest(URI flink) {
        root = flink.toString().replaceAll("/+$", "");
    }

    record Job(String id, String name, String status) {}

    /** Jobs that have not ended. One that says RUNNING while a task does not run yet is only being created. */
    List<Job> jobs() throws IOException, InterruptedException {
        var jobs = new ArrayList<Job>();
        for (JsonNode job : get("/jobs/overview").path("jobs")) {
            String state = job.path("state").asText();
            if (List.of("FINISHED", "CANCELED", "FAILED").contains(state)) {
                continue;
            }
            JsonNode tasks = job.path("tasks");
            int going = tasks.path("running").asInt() + tasks.path("finished").asInt();
            boolean whole = going == tasks.path("total").asInt();
            jobs.add(new Job(
                    job.path("jid").asText(), job.path("name").asText(),
                    state.equals("RUNNING") && !whole ? "CREATED" : state));
        }
        return jobs;
    }

    /** The options a job runs with; none where Flink does not tell. */
    Map<String, String> configuration(String id) throws InterruptedException {
        var options = new HashMap<String, String>();
        try {
            for (JsonNode entry : get("/jobs/" + id + "/jobmanager/config")) {
                options.put(entry.path("key").asText(), entry.path("value").asText());
            }
        } catch (IOException untold) {
            Output.print("problem", "no configuration of " + id + ": " + untold.getMessage());
        }
        return options;
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return json.readTree(send(HttpRequest.newBuilder(URI.create(root + path)).GET()));
    }

    void put(String path, JsonNode body) throws IOException, InterruptedException {
        send(HttpRequest.newBuilder(URI.create(root + path))
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(body.toString())));
    }

    private String send(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpResponse<String> answer =
                client.send(request.timeout(TIMEOUT).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() / 100 != 2) {
            throw new IOException(answer.uri() + ": " + answer.statusCode() + ": " + answer.body());
        }
        return answer.body();
    }
}
