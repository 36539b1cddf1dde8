/* SPDX-License-Identifier: Apache-2.0 */
package dev.weirkeeper.lab;

import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamSink;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** The two ends of the job when a broker is behind them. */
interface KafkaEnds {
    SingleOutputStreamOperator<Order> orders(StreamExecutionEnvironment env, Options options);

    DataStreamSink<Order> sink(DataStream<Order> orders, Options options);
}
