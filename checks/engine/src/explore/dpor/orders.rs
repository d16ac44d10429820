//! How many orders the operations on one object have: an estimate of the size of a search.
//!
//! Counted are the interleavings of the tasks' operations, as far as they are not ordered by other
//! means. Of those that differ only in the order of neighbours that commute one is counted, the one
//! with the lower task first. That is exact where nothing commutes, and close elsewhere; what the
//! orders on different objects have to do with each other is left out of account. The numbers are
//! made by adding and multiplying alone, so they are the same on every machine.

/// The most states that are looked at; for more than that, the bare interleavings are counted.
const STATES_MAX: usize = 1 << 15;

/// How many orders there are of `chains`, each the operations of one task in their order, by
/// number. `must_precede` says whether one operation has to come before another task's, `commute`
/// whether two of them commute.
pub(super) fn count(
    chains: &[Vec<usize>],
    must_precede: impl Fn(usize, usize) -> bool,
    commute: impl Fn(usize, usize) -> bool,
) -> f64 {
    let radices: Vec<usize> = chains.iter().map(|chain| chain.len() + 1).collect();
    let states = radices.iter().try_fold(chains.len(), |product, radix| {
        Some(product.checked_mul(*radix)?).filter(|states| *states <= STATES_MAX)
    });
    let Some(states) = states else {
        return interleavings(chains);
    };
    // For every operation, how many of each chain have to come before it.
    let needed = |b: usize| -> Vec<usize> {
        let needed = |chain: &Vec<usize>| {
            let last = chain.iter().rposition(|&a| must_precede(a, b));
            last.map_or(0, |last| last + 1)
        };
        chains.iter().map(needed).collect()
    };
    let needed: Vec<Vec<Vec<usize>>> = chains
        .iter()
        .map(|chain| chain.iter().map(|&b| needed(b)).collect())
        .collect();
    // Ways to come to a state: how many of each chain have come, and whose was the last.
    let mut ways = vec![0.0; states];
    let mut come = vec![0; chains.len()];
    let mut total = 0.0;
    for index in 0..states / chains.len().max(1) {
        digits(index, &radices, &mut come);
        let mut stride = 1;
        for (task, chain) in chains.iter().enumerate() {
            let step = stride;
            stride *= radices[task];
            let Some(&next) = chain.get(come[task]) else {
                continue;
            };
            let is_ready = needed[task][come[task]].iter().zip(&come);
            if !is_ready.clone().all(|(needed, come)| come >= needed) {
                continue;
            }
            let mut reached = if index == 0 { 1.0 } else { 0.0 };
            for (last, others) in chains.iter().enumerate() {
                let before = come[last].checked_sub(1).map(|at| others[at]);
                let is_twin = last > task && before.is_some_and(|before| commute(before, next));
                if !is_twin {
                    reached += ways[index * chains.len() + last];
                }
            }
            ways[(index + step) * chains.len() + task] += reached;
        }
        if come
            .iter()
            .zip(chains)
            .all(|(come, chain)| *come == chain.len())
        {
            total = ways[index * chains.len()..][..chains.len()].iter().sum();
        }
    }
    f64::max(total, 1.0)
}

/// The digits of a number in a system of mixed radices, the lowest first.
fn digits(mut number: usize, radices: &[usize], digits: &mut [usize]) {
    for (digit, radix) in digits.iter_mut().zip(radices) {
        *digit = number % radix;
        number /= radix;
    }
}

/// The interleavings of the chains, a multinomial coefficient.
fn interleavings(chains: &[Vec<usize>]) -> f64 {
    let (mut total, mut orders) = (0.0, 1.0);
    for chain in chains {
        for n in 1..=chain.len() {
            total += 1.0;
            orders *= total / n as f64;
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(lengths: &[usize]) -> Vec<Vec<usize>> {
        let mut next = 0;
        let chain = |length: &usize| {
            next += length;
            (next - length..next).collect()
        };
        lengths.iter().map(chain).collect()
    }

    #[test]
    fn where_nothing_commutes_the_interleavings_are_counted() {
        for (lengths, orders) in [
            (&[3, 3][..], 20.0),
            (&[2, 2, 2], 90.0),
            (&[3, 3, 3], 1_680.0),
            (&[4], 1.0),
            (&[], 1.0),
        ] {
            let chains = chains(lengths);
            assert_eq!(count(&chains, |_, _| false, |_, _| false), orders);
            assert_eq!(interleavings(&chains), orders);
        }
    }

    #[test]
    fn what_is_ordered_or_commutes_counts_once() {
        let all = chains(&[2, 2]);
        assert_eq!(count(&all, |_, _| false, |_, _| true), 1.0);
        // The first of the second task comes after all of the first task.
        assert_eq!(count(&all, |a, b| a < 2 && b == 2, |_, _| false), 1.0);
        // The last of the second task comes after the first of the first task: not 2, 3, 0, 1.
        assert_eq!(count(&all, |a, b| a == 0 && b == 3, |_, _| false), 5.0);
    }

    #[test]
    fn too_many_states_are_not_looked_at() {
        let many = chains(&[9; 8]);
        assert_eq!(
            count(&many, |_, _| false, |_, _| true),
            interleavings(&many)
        );
    }
}
