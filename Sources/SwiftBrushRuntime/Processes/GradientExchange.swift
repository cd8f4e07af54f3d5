import Autograd
import Dispatch
import Foundation
import Tensor

/// The gradients of one step of several processes. While a backward pass goes on, each bucket whose gradients are complete is sent by another
/// thread: every process gets its elements of it from all others, and adds them, with its own in their place, in the order of the parts.
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
    /// What this process computed in this round of its own elements of each parameter, flat.
    private var own: [Tensor?]
    /// This process's elements of each parameter, flat, added so far.
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
        own = shared.parameters.map { _ in nil }
        sums = own
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
        let group = shared.group
        let (sent, counts) = hasPart ? moveGradients(of: number) : (.zeros([0]), bucket.chunks.map { _ in 0 })
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

    /// Moves the gradients of a bucket out of its parameters: those of this process's elements stay, the others are returned as they are sent.
    /// One parameter after the other, so that not all gradients are in memory twice.
    private func moveGradients(of number: Int) -> (tensor: Tensor, counts: [Int]) {
        let (bucket, rank) = (shared.buckets.buckets[number], shared.group.rank)
        let sizes = bucket.chunks.indices.map { $0 == rank ? 0 : bucket.chunks[$0].count }
        var others = Tensor(shape: [sizes.reduce(0, +)]) { _ in }
        var start = 0
        for index in bucket.members {
            let (kept, size) = (shared.buckets.elements(of: index, in: rank), shared.buckets.sizes[index])
            let gradient = shared.parameters[index].gradient
            shared.parameters[index].gradient = nil
            if let gradient {
                require(gradient.count == size, "GradientExchange: a gradient of \(gradient.count) elements")
                isPresent[index] = true
                // A part would keep the memory of the whole.
                let elements = kept.count == size ? gradient.reshaped(to: [size]) : gradient.elements(kept)
                own[index] = shared.gradientType.rounded(elements)
            }
            for part in [0..<kept.lowerBound, kept.upperBound..<size] {
                // Adding −0 changes no number, not even −0.
                let sent = gradient?.part(part) ?? Tensor(repeating: -0.0, shape: [part.count])
                others.replaceElements(from: start, by: sent)
                start += part.count
            }
        }
        return shared.gradientType.packed(others, sizes)
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
        let (buckets, rank, type) = (shared.buckets, shared.group.rank, shared.gradientType)
        for (number, tensor, counts) in received {
            let bucket = buckets.buckets[number]
            let sizes = bucket.members.map { buckets.elements(of: $0, in: rank).count }
            for (sender, chunk) in tensor.parts(counts).enumerated() {
                let parts =
                    chunk.count > 0 ? type.unpacked(chunk, count: bucket.chunks[rank].count).parts(sizes) : nil
                for (member, index) in bucket.members.enumerated() where sizes[member] > 0 {
                    guard let part = sender == rank ? own[index].take() : parts?[member] else { continue }
                    if sums[index] == nil { sums[index] = part } else { sums[index]? += part }
                }
            }
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
        for bucket in buckets.buckets {
            let own = bucket.members.map { index in
                sums[index].take().map(type.rounded)
                    ?? .zeros([buckets.elements(of: index, in: shared.group.rank).count])
            }
            let gradients = shared.isSharded ? own : try gather(own, of: bucket)
            for (index, gradient) in zip(bucket.members, gradients)
            where present.contains(where: { $0[$0.startIndex + index] != 0 }) {
                shared.parameters[index].gradient = gradient
            }
        }
    }

    /// All elements of the parameters in a bucket.
    private func gather(_ own: [Tensor], of bucket: GradientBuckets.Bucket) throws -> [Tensor] {
        let start = ContinuousClock.now
        let (type, sizes) = (shared.gradientType, bucket.chunks.map(\.count))
        let all = try shared.group.gather(type.packed(own), counts: sizes.map(type.packedCount))
        ProcessTraffic.add(gatherSeconds: (ContinuousClock.now - start) / .seconds(1))
        let gradients = type.unpacked(all, sizes).parts(bucket.members.map { shared.buckets.sizes[$0] })
        return zip(bucket.members, gradients).map { $1.reshaped(to: shared.parameters[$0].shape) }
    }

    /// From the next step on, buckets are sent in the order in which the first process completed them in this one, so that they do not
    /// wait for one another in memory.
    private func learnOrder() throws {
        guard shared.sendingOrder == nil else { return }
        let first = try shared.group.results { completed }[0]
        shared.sendingOrder = first + order.filter { !first.contains($0) }
    }
}
