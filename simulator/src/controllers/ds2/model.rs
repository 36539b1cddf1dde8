//! The scaling model of DS2 (Kalavri et al., "Three steps is all you need", OSDI 2018, section 3).
//!
//! A *true* rate is records per second of useful time. With the output that an operator gives per record it takes
//! (its selectivity) the rate of every source travels down the graph in one pass, and each operator gets as many
//! instances as its share of the load needs at the true rate of one instance (equations 7 and 8).

/// One operator, in topological order.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Positions of those that feed it; none: a source.
    pub inputs: Vec<usize>,
    /// Instances now.
    pub instances: u32,
    /// True processing rate of all instances, records/s; of a source its true output rate.
    pub processing: Option<f64>,
    /// True output rate of all instances, records/s.
    pub output: Option<f64>,
}

/// Instances of every operator, for sources that send `rates` records/s (by position; the rest is not read). Unknown
/// rates leave an operator, and what is below it, out.
pub fn optimal(operators: &[Operator], rates: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut outputs: Vec<Option<f64>> = Vec::with_capacity(operators.len());
    let mut instances = Vec::with_capacity(operators.len());
    for (o, operator) in operators.iter().enumerate() {
        let is_source = operator.inputs.is_empty();
        let arriving = if is_source { rates[o] } else { operator.inputs.iter().map(|i| outputs[*i]).sum() };
        let each = operator.processing.filter(|r| *r > 0.0).map(|r| r / f64::from(operator.instances));
        instances.push(arriving.zip(each).map(|(a, each)| a / each));
        outputs.push(if is_source { arriving } else { passed_on(operator, arriving) });
    }
    instances
}

fn passed_on(operator: &Operator, arriving: Option<f64>) -> Option<f64> {
    let arriving = arriving?;
    if arriving == 0.0 {
        return Some(0.0);
    }
    let taken = operator.processing.filter(|t| *t > 0.0)?;
    Some(arriving * operator.output? / taken)
}

/// Whole instances, with `factor` more than needed (the configuration's `scaling_factor`).
pub fn whole(instances: f64, factor: f64) -> u32 {
    // A part in a billion: 3 must not become 4 for the last bit of a division.
    ((instances * (1.0 + factor) - 1e-9).ceil().max(1.0)).min(f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(inputs: &[usize], instances: u32, processing: f64, output: f64) -> Operator {
        Operator { inputs: inputs.to_vec(), instances, processing: Some(processing), output: Some(output) }
    }

    fn source() -> Operator {
        Operator { inputs: Vec::new(), instances: 1, processing: None, output: None }
    }

    fn plan(operators: &[Operator], rates: &[Option<f64>]) -> Vec<u32> {
        optimal(operators, rates).into_iter().map(|p| p.map_or(0, |p| whole(p, 0.0))).collect()
    }

    /// The paper's introductory example: a source of 40 records/s is held back to 10 by o1, whose true rate that is,
    /// and which sends 10 records per record; o2 takes these 100/s in half of its time, so its true rate is 200.
    /// One step finds four instances of o1 and two of o2.
    #[test]
    fn the_papers_example() {
        let operators = [source(), operator(&[0], 1, 10.0, 100.0), operator(&[1], 1, 200.0, 200.0)];
        assert_eq!(plan(&operators, &[Some(40.0), None, None]), [0, 4, 2]);
    }

    /// The same once the plan runs: it stays (the model's first property, no overshoot: 40 and 400 records/s need no
    /// more than four at 10 and two at 200).
    #[test]
    fn a_plan_that_runs_is_kept() {
        let operators = [source(), operator(&[0], 4, 40.0, 400.0), operator(&[1], 2, 400.0, 400.0)];
        assert_eq!(plan(&operators, &[Some(40.0), None, None]), [0, 4, 2]);
    }

    /// Two sources join: 30/s times 2, and 25/s as it is, make 85/s for an operator of 20/s each: 4.25, so 5.
    #[test]
    fn what_arrives_adds_up() {
        let operators = [
            source(),
            source(),
            operator(&[0], 2, 50.0, 100.0),
            operator(&[2, 1], 3, 60.0, 6.0),
            operator(&[3], 1, 5.0, 5.0),
        ];
        // o2: 30 / 25 = 1.2; o3: 85 / 20 = 4.25, sends a tenth: 8.5, of which one instance takes 5.
        assert_eq!(plan(&operators, &[Some(30.0), Some(25.0), None, None, None]), [0, 0, 2, 5, 2]);
    }

    /// Wordcount as in the paper's evaluation: 2 M sentences/min; a splitter takes 100 k and a counter 1 M a minute, of
    /// 20 words each. 20 splitters and 40 counters.
    #[test]
    fn wordcount_per_minute() {
        let operators = [source(), operator(&[0], 10, 1e6, 2e7), operator(&[1], 5, 5e6, 5e6)];
        assert_eq!(plan(&operators, &[Some(2e6), None, None]), [0, 20, 40]);
    }

    #[test]
    fn unknown_rates_leave_out_what_is_below() {
        let mut operators = vec![source(), operator(&[0], 1, 10.0, 100.0), operator(&[1], 1, 200.0, 200.0)];
        operators[1].output = None;
        assert_eq!(plan(&operators, &[Some(40.0), None, None]), [0, 4, 0]);
        assert_eq!(plan(&operators, &[None, None, None]), [0, 0, 0]);
    }

    #[test]
    fn a_factor_adds_to_what_is_needed() {
        assert_eq!(whole(4.0, 0.0), 4);
        assert_eq!(whole(4.0, 0.2), 5);
        assert_eq!(whole(0.0, 0.0), 1);
        assert_eq!(whole(0.1 + 0.2 + 2.7, 0.0), 3);
    }
}
