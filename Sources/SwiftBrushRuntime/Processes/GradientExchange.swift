import Autograd
import Dispatch
import Foundation
import Tensor

/// The gradients of one step of several processes. While a backward pass goes on, each bucket whose gradients are complete is sent by another
/// thread: every process gets its elements of it from all, and adds them in the order of the parts.
final class GradientExchange {
    private let shared: SharedOptimizers
    private let queue = DispatchQueue(label: "gradients")
    private let mailbox = Mailbox()
    /// The buckets that may be on their way at once: while one is sent, the next is ready, and the others are not made yet.
    private let room = DispatchSemaphore(value: 2)
    /// The parameters without a gradient yet, in each bucket of this round.
    private var missing: [Set<Int>] = []
    /// The order in which buckets are sent, the same in all processes.
    private let order: [Int]
    private var nextBucket = 0
    /// The buckets in the order in which a backward pass completed them.
    private var completed: [Int] = []
    /// This process's elements of each bucket, added so far.
    private var sums: [Tensor?]
    private var isPresent: [Bool]
    private var hasPart = false

    /// What the sending thread leaves.
    private final class Mailbox: Sendable {
        struct State {
            var received: [(bucket: Int, tensor: Tensor, counts: [Int])] = []
            var error: (any Error)?
        }
        let state = Lock(State())
    }

    init(of shared: SharedOptimizers) {
        self.shared = shared
        order = shared.sendingOrder ?? Array(shared.buckets.buckets.indices)
        sums = shared.buckets.buckets.map { _ in nil }
        isPresent = shared.parameters.map { _ in false }
    }

    /// Starts a round, in which this process may have no part.
    func begin(hasPart: Bool) {
        shared.group.setComputing(true)
        (self.hasPart, nextBucket) = (hasPart, 0)
        missing = shared.buckets.buckets.map { Set($0.members) }
    }

    /// Says that the gradient of a parameter is complete in this round.
    func complete(_ index: Int) {
        let bucket = shared.buckets.places[index].bucket
        missing[bucket].remove(index)
        if missing[bucket].isEmpty, !completed.contains(bucket) { completed.append(bucket) }
        while nextBucket < order.count, missing[order[nextBucket]].isEmpty { sendNext() }
    }

    /// Sends what is left of a round.
    func end() { while nextBucket < order.count { sendNext() } }

    private func sendNext() {
        waitForRoom()
        let number = order[nextBucket]
        let bucket = shared.buckets.buckets[number]
        nextBucket += 1
        let (group, type) = (shared.group, shared.gradientType)
        let (sent, counts) = type.packed(hasPart ? moveGradients(of: bucket) : .zeros([0]), in: bucket.chunks)
        queue.async { [mailbox, room] in
            defer { room.signal() }
            do {
                let start = ContinuousClock.now
                let received = try group.exchange(sent, counts: counts)
                ProcessTraffic.add(exchangeSeconds: (ContinuousClock.now - start) / .seconds(1))
                mailbox.state.withLock { $0.received.append((number, received.tensor, received.counts)) }
            } catch {
                mailbox.state.withLock { $0.error = $0.error ?? error }
            }
        }
    }

    /// Moves the gradients of a bucket out of its parameters into one tensor; one after the other, so that not all are in memory twice.
    private func moveGradients(of bucket: GradientBuckets.Bucket) -> Tensor {
        Tensor(shape: [bucket.size]) { buffer in
            for index in bucket.members {
                let start = shared.buckets.places[index].start
                let elements = UnsafeMutableBufferPointer(rebasing: buffer[start..<start + shared.buckets.sizes[index]])
                if let gradient = shared.parameters[index].gradient {
                    require(
                        gradient.count == elements.count, "GradientExchange: a gradient of \(gradient.count) elements")
                    gradient.withUnsafeScalars { _ = elements.update(fromContentsOf: $0) }
                    (shared.parameters[index].gradient, isPresent[index]) = (nil, true)
                } else {
                    // Adding −0 changes no number, not even −0.
                    elements.update(repeating: -0.0)
                }
            }
        }
    }

    /// Waits until a bucket can be sent soon, and adds those that have arrived.
    private func waitForRoom() {
        if room.wait(timeout: .now()) == .timedOut {
            let start = ContinuousClock.now
            shared.group.setComputing(false)
            room.wait()
            shared.group.setComputing(true)
            ProcessTraffic.add(waitedSeconds: (ContinuousClock.now - start) / .seconds(1))
        }
        addReceived()
    }

    /// Adds what has arrived; in this thread, because the other would take the threads of the backward pass.
    private func addReceived() {
        let received = mailbox.state.withLock { mailbox in
            defer { mailbox.received = [] }
            return mailbox.received
        }
        for (number, tensor, counts) in received {
            let count = shared.buckets.buckets[number].chunks[shared.group.rank].count
            guard count > 0 else { continue }
            var (sum, start) = (sums[number].take(), 0)
            for sent in counts where sent > 0 {
                if var added = sum.take() {
                    shared.gradientType.add(tensor, from: start, to: &added)
                    sum = added
                } else {
                    sum = shared.gradientType.unpacked(tensor, from: start, count: count)
                }
                start += sent
            }
            sums[number] = sum
        }
    }

    /// Waits until everything is sent and added. Throws what the group throws.
    func wait() throws {
        let start = ContinuousClock.now
        shared.group.setComputing(false)
        queue.sync {}
        ProcessTraffic.add(waitedSeconds: (ContinuousClock.now - start) / .seconds(1))
        if let error = mailbox.state.withLock({ $0.error }) { throw error }
        addReceived()
    }

    /// Moves the sums into the parameters: all elements, or this process's if the optimiser is divided.
    func finish() throws {
        try wait()
        let present = try shared.group.gather(Data(isPresent.map { $0 ? 1 : 0 }))
        try learnOrder()
        let (type, buckets) = (shared.gradientType, shared.buckets)
        for (number, bucket) in buckets.buckets.enumerated() {
            var flat = sums[number].take().map(type.rounded) ?? .zeros([0])
            var start = bucket.bounds[shared.group.rank]
            if !shared.isSharded {
                let waiting = ContinuousClock.now
                let all = try shared.group.gather(type.packed(flat))
                ProcessTraffic.add(gatherSeconds: (ContinuousClock.now - waiting) / .seconds(1))
                flat = type.unpacked(all.tensor, all.counts, in: bucket.chunks)
                start = 0
            }
            for index in bucket.members where present.contains(where: { $0[$0.startIndex + index] != 0 }) {
                let parameter = shared.parameters[index]
                let place = buckets.places[index].start - start
                if shared.isSharded {
                    let own = buckets.elements(of: index, in: shared.group.rank)
                    parameter.gradient = flat.elements(place + own.lowerBound..<place + own.upperBound)
                } else {
                    parameter.gradient = flat.elements(place..<place + buckets.sizes[index]).reshaped(
                        to: parameter.shape)
                }
            }
        }
    }

    /// From the next step on, buckets are sent in the order in which the first process completed them in this one, so that they do not
    /// wait for one another in memory.
    private func learnOrder() throws {
        guard shared.sendingOrder == nil else { return }
        let first = try shared.group.results { completed }[0]
        shared.sendingOrder = first + order.filter { !first.contains($0) }
    }
}
