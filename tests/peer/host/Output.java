// SPDX-License-Identifier: Apache-2.0
package dev.weirkeeper.peer;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

/** One JSON object per line. */
final class Output {

    private static final ObjectMapper JSON = new ObjectMapper();

    private Output() {}

    static synchronized void print(String kind, String text) {
        var line = JSON.createObjectNode();
        line.put("at_ms", System.currentTimeMillis()).put("kind", kind).put("text", text);
        System.out.println(line);
    }
}
