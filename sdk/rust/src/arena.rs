//! Why: a module allocates for one batch and frees all of it, so a pointer that goes up and comes back is enough and
//! costs a fraction of a general allocator. This file is the arithmetic only: addresses in, addresses out, no memory
//! touched and nothing unsafe, which is what makes it testable natively. `allocator.rs` puts it behind `GlobalAlloc`.
//!
//! # Why it is sound
//!
//! Call an allocation *live* from the call that made it until it is freed, and let `mark <= top <= end`.
//!
//! 1. Every new allocation lies in `[top, end)` and moves `top` to its end, so it overlaps nothing below `top`.
//! 2. `live` counts exactly the live allocations at or above `mark`: only those are counted when made (every
//!    allocation is made at `top >= mark`), and only a freed address `>= mark` is counted off. What was made before
//!    the mark lies below it and is never handed out again, so it may live as long as it likes.
//! 3. `top` goes down in two cases only. (a) The allocation that ends at `top` is freed or shrunk, and it begins at
//!    or above `mark`: what is released belonged to it alone. (b) `live` is zero: by 2 nothing at or above `mark` is
//!    live, so `[mark, top)` holds no live byte and `top` may return to `mark`.
//! 4. An allocation grows in place only if it ends at `top` and begins at or above `mark`; so no allocation ever
//!    crosses the mark, and 2 stays true.
//! 5. If memory that was asked for is not adjacent to `end` (somebody else grew it), everything so far is given up:
//!    `mark` moves to the new region and `live` starts from zero, which leaks and overlaps nothing.
//!
//! A batch frees all it allocated, so `live` falls to zero by itself at its end: there is no "end of batch" call to
//! forget. A rule that keeps something across batches (a cache) only keeps the pointer from returning: memory grows,
//! and the host recycles the instance over its memory mark.

/// Where more memory comes from.
pub(crate) trait Source {
    /// At least `bytes` more: the first address and the length of a region above all that were given before.
    /// None if there is no more.
    fn grow(&mut self, bytes: usize) -> Option<(usize, usize)>;
}

/// The bump pointer and its mark. Addresses are plain numbers, 0 is never handed out.
#[derive(Debug)]
pub(crate) struct Arena<S> {
    source: S,
    /// The next free address.
    top: usize,
    /// The first address that is not ours.
    end: usize,
    /// `top` returns to this when nothing above it is live.
    mark: usize,
    /// Live allocations at or above `mark`.
    live: usize,
}

impl<S: Source> Arena<S> {
    /// An arena that holds no memory yet.
    pub const fn new(source: S) -> Self {
        Self { source, top: 0, end: 0, mark: 0, live: 0 }
    }

    /// The address of `size > 0` free bytes, a multiple of `align` (a power of two). None if there is no more memory.
    pub fn allocate(&mut self, size: usize, align: usize) -> Option<usize> {
        let (start, after) = match self.fit(size, align) {
            Some(place) => place,
            None => {
                self.extend(size.checked_add(align)?)?;
                self.fit(size, align)?
            }
        };
        self.top = after;
        self.live += 1;
        Some(start)
    }

    /// Takes back what `allocate` gave: the same address, its present size.
    pub fn free(&mut self, address: usize, size: usize) {
        if address < self.mark {
            return;
        }
        self.live -= 1;
        if self.live == 0 {
            self.top = self.mark;
        } else if address + size == self.top {
            self.top = address;
        }
    }

    /// Changes the size where it stands. False if that is impossible; then nothing has changed.
    pub fn resize(&mut self, address: usize, size: usize, new_size: usize) -> bool {
        if address < self.mark || address + size != self.top {
            return new_size <= size;
        }
        let Some(after) = address.checked_add(new_size) else { return false };
        if after > self.end {
            return false;
        }
        self.top = after;
        true
    }

    /// From here on everything that is allocated now stays, and the pointer comes back to this place.
    pub fn set_mark(&mut self) {
        self.mark = self.top;
        self.live = 0;
    }

    fn fit(&self, size: usize, align: usize) -> Option<(usize, usize)> {
        let start = self.top.checked_next_multiple_of(align)?;
        let after = start.checked_add(size)?;
        (self.end != 0 && after <= self.end).then_some((start, after))
    }

    fn extend(&mut self, bytes: usize) -> Option<()> {
        let (start, length) = self.source.grow(bytes)?;
        if start != self.end {
            self.top = start;
            self.mark = start;
            self.live = 0;
        }
        self.end = start + length;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that can be made to be not adjacent, like a neighbour that grew it as well.
    struct Pages {
        next: usize,
        gaps: Vec<usize>,
        left: usize,
    }

    impl Source for Pages {
        fn grow(&mut self, bytes: usize) -> Option<(usize, usize)> {
            let length = bytes.next_multiple_of(1024);
            self.left = self.left.checked_sub(length)?;
            let start = self.next + self.gaps.pop().unwrap_or(0);
            self.next = start + length;
            Some((start, length))
        }
    }

    fn arena(gaps: Vec<usize>) -> Arena<Pages> {
        Arena::new(Pages { next: 4096, gaps, left: 8 << 20 })
    }

    /// xorshift: the seed is printed by every assertion, so a failure can be repeated.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).expect("the bound is a usize")
        }
    }

    /// What a correct user of the arena believes: the live allocations and the byte each was filled with.
    struct Shadow {
        arena: Arena<Pages>,
        memory: Vec<u8>,
        live: Vec<(usize, usize, u8)>,
        fill: u8,
        seed: u64,
    }

    impl Shadow {
        fn paint(&mut self, from: usize, to: usize) {
            if self.memory.len() < to {
                self.memory.resize(to, 0);
            }
            self.memory[from..to].fill(self.fill);
        }

        fn allocate(&mut self, size: usize, align: usize) {
            let start = self.arena.allocate(size, align).expect("the test stays below its memory");
            assert_eq!(start % align, 0, "seed {}", self.seed);
            self.fill = self.fill.wrapping_add(1);
            self.paint(start, start + size);
            self.live.push((start, size, self.fill));
        }

        fn free(&mut self, index: usize) {
            let (start, size, _) = self.live.swap_remove(index);
            self.arena.free(start, size);
        }

        fn resize(&mut self, index: usize, new_size: usize) {
            let (start, size, fill) = self.live[index];
            if !self.arena.resize(start, size, new_size) {
                return;
            }
            self.fill = fill;
            self.paint(start + size.min(new_size), start + new_size);
            self.live[index].1 = new_size;
        }

        fn check(&self) {
            for (start, size, fill) in &self.live {
                let held = &self.memory[*start..start + size];
                assert!(held.iter().all(|byte| byte == fill), "overwritten at {start}, seed {}", self.seed);
            }
        }
    }

    #[test]
    fn no_live_byte_is_ever_handed_out_again() {
        for seed in 1..60_u64 {
            let gaps = if seed % 3 == 0 { vec![640, 0, 128, 0, 0] } else { Vec::new() };
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut shadow = Shadow { arena: arena(gaps), memory: Vec::new(), live: Vec::new(), fill: 0, seed };
            for step in 0..600 {
                match random.below(10) {
                    0..5 => shadow.allocate(1 + random.below(200), 1 << random.below(5)),
                    5..8 if !shadow.live.is_empty() => shadow.free(random.below(shadow.live.len())),
                    8 if !shadow.live.is_empty() => {
                        let last = shadow.live.len() - 1;
                        shadow.resize(last, 1 + random.below(300));
                    }
                    9 if step % 7 == 0 => shadow.arena.set_mark(),
                    9 if step % 5 == 0 => {
                        while !shadow.live.is_empty() {
                            shadow.free(0)
                        }
                    }
                    _ => {}
                }
                shadow.check();
            }
        }
    }

    #[test]
    fn a_finished_batch_gives_its_memory_back() {
        let mut arena = arena(Vec::new());
        arena.allocate(100, 8).expect("memory");
        arena.set_mark();
        let first = arena.allocate(64, 8).expect("memory");
        let second = arena.allocate(64, 8).expect("memory");
        arena.free(first, 64);
        arena.free(second, 64);
        assert_eq!(arena.allocate(64, 8), Some(first));
    }

    #[test]
    fn what_was_made_before_the_mark_never_moves_the_pointer() {
        let mut arena = arena(Vec::new());
        let kept = arena.allocate(64, 8).expect("memory");
        arena.set_mark();
        assert!(!arena.resize(kept, 64, 128), "it would cross the mark");
        arena.free(kept, 64);
        let next = arena.allocate(8, 8).expect("memory");
        assert!(next >= kept + 64);
    }

    #[test]
    fn the_last_allocation_grows_and_shrinks_where_it_stands() {
        let mut arena = arena(Vec::new());
        let first = arena.allocate(16, 8).expect("memory");
        let last = arena.allocate(16, 8).expect("memory");
        assert!(!arena.resize(first, 16, 32));
        assert!(arena.resize(last, 16, 64));
        assert!(arena.resize(last, 64, 8));
        assert_eq!(arena.allocate(8, 8), Some(last + 8));
    }

    #[test]
    fn no_memory_is_an_answer_and_changes_nothing() {
        let mut arena = Arena::new(Pages { next: 4096, gaps: Vec::new(), left: 1024 });
        assert_eq!(arena.allocate(4096, 8), None);
        assert_eq!(arena.allocate(usize::MAX, 8), None);
        assert!(arena.allocate(512, 8).is_some());
    }
}
