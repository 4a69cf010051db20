//! Which pictures are worth a question.

use crate::model::classes::named;

/// The places of `count` rows of log-probabilities, of `classes` each, that are least certain: from each
/// class that rows name in turn the one with the largest entropy, the first of equals. All, if there are no
/// more.
pub(super) fn uncertain(rows: &[f32], classes: usize, count: usize) -> Vec<usize> {
    let mut queues: Vec<Vec<(f64, usize)>> = vec![Vec::new(); classes];
    let answers = named(rows, classes);
    for (place, (row, class)) in rows.chunks_exact(classes.max(1)).zip(answers).enumerate() {
        queues[class as usize].push((entropy(row), place));
    }
    for queue in &mut queues {
        // Sorting is stable, so equals keep their order.
        queue.sort_by(|a, b| b.0.total_cmp(&a.0));
    }
    let longest = queues.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (0..longest).flat_map(|turn| queues.iter().filter_map(move |queue| queue.get(turn)));
    turns.map(|(_, place)| *place).take(count).collect()
}

/// Entropy in nats of a row of log-probabilities.
fn entropy(row: &[f32]) -> f64 {
    let part = |log: &f32| {
        let log = f64::from(*log);
        // What is impossible adds nothing.
        if log.is_finite() { -log.exp() * log } else { 0.0 }
    };
    row.iter().map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_take_turns_and_the_least_certain_come_first() {
        let shares = [
            [0.9f32, 0.1, 0.0],
            [0.5, 0.4, 0.1],
            [0.1, 0.9, 0.0],
            [0.99, 0.01, 0.0],
            [0.4, 0.6, 0.0],
        ];
        let rows: Vec<f32> = shares.as_flattened().iter().map(|p| p.ln()).collect();
        assert_eq!(uncertain(&rows, 3, 9), [1, 4, 0, 2, 3]);
        assert_eq!(uncertain(&rows, 3, 3), [1, 4, 0]);
        assert!(uncertain(&[], 3, 3).is_empty());
        // ln 2 for a coin, and nothing for what is certain.
        assert!((entropy(&[0.5f32.ln(), 0.5f32.ln()]) - 2f64.ln()).abs() < 1e-6);
        assert_eq!(entropy(&[0.0, f32::NEG_INFINITY]), 0.0);
    }
}
