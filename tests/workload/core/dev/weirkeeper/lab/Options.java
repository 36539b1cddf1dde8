/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;

/** What is fixed when the job is submitted. */
final class Options implements Serializable {
    private static final long serialVersionUID = 1L;

    final String control;
    final int partitions;
    final int maxParallelism;
    final int keyGroups;
    final long limit;
    private final HashMap<String, String> all;

    private Options(HashMap<String, String> all) {
        this.all = all;
        control = all.get("control");
        partitions = integer("partitions", 8);
        maxParallelism = integer("max-parallelism", 128);
        keyGroups = integer("key-groups", maxParallelism);
        limit = Long.parseLong(get("limit", Long.toString(Long.MAX_VALUE)));
    }

    /** Pairs of "--name value". */
    static Options parse(String[] args) {
        HashMap<String, String> all = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            all.put(args[i].substring(2), args[i + 1]);
        }
        if (!all.containsKey("control")) {
            throw new IllegalArgumentException("--control FOLDER is missing: submit the job with tests/lab submit");
        }
        return new Options(all);
    }

    String get(String name, String otherwise) {
        return all.getOrDefault(name, otherwise);
    }

    int integer(String name, int otherwise) {
        return all.containsKey(name) ? Integer.parseInt(all.get(name)) : otherwise;
    }

    boolean bounded() {
        return limit != Long.MAX_VALUE;
    }

    Keys keys() {
        return new Keys(partitions, maxParallelism, keyGroups);
    }

    /** All "PREFIX.name" without their prefix, as a client library wants them. */
    java.util.Properties under(String prefix) {
        java.util.Properties properties = new java.util.Properties();
        for (Map.Entry<String, String> entry : all.entrySet()) {
            if (entry.getKey().startsWith(prefix + ".")) {
                properties.put(entry.getKey().substring(prefix.length() + 1), entry.getValue());
            }
        }
        return properties;
    }
}
