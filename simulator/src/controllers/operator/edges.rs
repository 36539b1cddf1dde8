//! How many records travel along an edge per record that its upstream end takes in. Flink counts per vertex only.

use super::rates::rate;

/// Counters of a vertex over the window.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Records in.
    pub records_in: Vec<(i64, f64)>,
    /// Records out.
    pub records_out: Vec<(i64, f64)>,
}

/// A job's vertices by position: their inputs and counters.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Positions of the vertices that feed each.
    pub inputs: Vec<Vec<usize>>,
    /// Counters.
    pub counters: Vec<Counters>,
}

impl Flow {
    fn outputs(&self, v: usize) -> usize {
        self.inputs.iter().filter(|inputs| inputs.contains(&v)).count()
    }

    /// Records/s along an edge: the receiver's input if it has no other; less what the others send, if they send
    /// nowhere else; else all that the sender sends.
    fn edge_rate(&self, from: usize, to: usize) -> f64 {
        let received = rate(&self.counters[to].records_in);
        let others: Vec<usize> = self.inputs[to].iter().copied().filter(|i| *i != from).collect();
        if others.is_empty() {
            return received;
        }
        let told_apart = others.iter().all(|o| self.outputs(*o) == 1);
        let sent: f64 = others.iter().map(|o| rate(&self.counters[*o].records_out)).sum();
        if told_apart && !sent.is_nan() { received - sent } else { rate(&self.counters[from].records_out) }
    }

    /// Records along the edge per record into its upstream end; 0 where nothing goes in.
    pub fn ratio(&self, from: usize, to: usize) -> f64 {
        let input = rate(&self.counters[from].records_in);
        if input == 0.0 { 0.0 } else { self.edge_rate(from, to) / input }
    }
}
