import Autograd
import Foundation
import Tensor

/// Optimisers whose gradients one backward pass computes, in the processes of a group: what a step shares among them.
///
/// If the optimisers are divided (the first stage of ZeRO, arXiv 1910.02054), each process has the moments and the moving average of its own
/// elements of every parameter only, and updates only those; then all send what they have updated.
package final class SharedOptimizers {
    /// The size of a bucket, about 25 MB of Float32.
    private static let bucketSize = 6_500_000

    let parameters: [Parameter]
    let group: any ProcessGroup
    let gradientType: GradientType
    let isSharded: Bool
    let buckets: GradientBuckets
    /// The order in which buckets are sent; nil before a first step.
    var sendingOrder: [Int]?
    private let optimizers: [Adam]

    /// Shares optimisers, none of which has taken a step.
    ///
    /// - Parameters:
    ///   - optimizers: the optimisers.
    ///   - group: the processes.
    ///   - sharding: whether each process has the moments and averages of its own elements only.
    ///   - gradientType: the type as which gradients are sent.
    ///   - bucketSize: the number of elements that are sent together.
    package init(
        _ optimizers: [Adam], in group: any ProcessGroup, sharding: Bool = false,
        gradientType: GradientType = .float32, bucketSize: Int = SharedOptimizers.bucketSize
    ) {
        (self.optimizers, self.group, self.gradientType) = (optimizers, group, gradientType)
        isSharded = sharding && group.count > 1
        parameters = optimizers.flatMap(\.parameters)
        buckets = GradientBuckets(
            parameters.map { $0.shape.reduce(1, *) }, processes: group.count, limit: bucketSize)
        for optimizer in optimizers {
            let first = first(of: optimizer)
            optimizer.shard =
                isSharded
                ? optimizer.parameters.indices.map { buckets.elements(of: first + $0, in: group.rank) } : nil
        }
    }

    /// The index of an optimiser's first parameter.
    private func first(of optimizer: Adam) -> Int {
        optimizers.prefix { $0 !== optimizer }.reduce(0) { $0 + $1.parameters.count }
    }

    /// What a process computes of a part before its backward pass.
    package struct Forward<Result> {
        let result: Result
        let output: Variable?
        let gradient: Tensor

        /// A result, and the variable whose backward pass begins with a gradient; nil for none, in all parts.
        package init(_ result: Result, of output: Variable?, gradient: Tensor) {
            (self.result, self.output, self.gradient) = (result, output, gradient)
        }
    }

    /// Computes the gradients of all parts, adds them in the order of the parts, and moves the sums into the parameters.
    ///
    /// - Parameters:
    ///   - parts: the parts.
    ///   - body: computes a part's results as far as its backward pass. It calls no collective function.
    /// - Returns: the results of all parts, in their order.
    ///
    /// Throws as `ProcessGroup.results(_:)`, before a backward pass begins.
    package func gradients<Result: Codable>(
        of parts: BatchParts, _ body: (BatchParts.Part) throws -> Forward<Result>
    ) throws -> [Result] {
        let exchange = group.count > 1 ? GradientExchange(of: self) : nil
        keepOwnAverages()
        var sums: [Tensor?] = parameters.map { _ in nil }
        var results: [Result] = []
        var isBackward = false
        for round in 0..<parts.rounds {
            var forward: Forward<Result>?
            results += try group.results {
                let computed = Swift.Result { try parts.part(in: round).map(body) }
                // Nothing else may be on its way during a collective function, also not after an error.
                try exchange?.wait()
                forward = try computed.get()
                return forward.map { [$0.result] } ?? []
            }.flatMap { $0 }
            isBackward = isBackward || forward?.output != nil
            guard isBackward else { continue }
            if let exchange {
                exchange.begin(hasPart: forward != nil)
                forward?.output?.backward(from: forward?.gradient ?? .zeros([0]), of: parameters) {
                    exchange.complete($0)
                }
                exchange.end()
            } else {
                if let forward, let output = forward.output { output.backward(from: forward.gradient) }
                add(to: &sums)
            }
        }
        guard isBackward else { return results }
        if let exchange {
            try exchange.finish()
        } else {
            for (parameter, sum) in zip(parameters, sums) { parameter.gradient = sum.map(gradientType.rounded) }
        }
        return results
    }

    /// Moves the parameters' gradients out of them into sums.
    private func add(to sums: inout [Tensor?]) {
        for (index, parameter) in parameters.enumerated() {
            guard let gradient = parameter.gradient.map(gradientType.rounded) else { continue }
            parameter.gradient = nil
            if var sum = sums[index].take() {
                sum += gradient
                sums[index] = sum
            } else {
                sums[index] = gradient
            }
        }
    }

    /// An optimiser's clipped step in a step of a run.
    ///
    /// - Parameters:
    ///   - optimizer: one of the optimisers.
    ///   - limit: the largest global norm of the gradients.
    ///   - name: the gradients' name in an error.
    ///   - number: the number of the run's step.
    ///
    /// Throws ``RunError/nonFinite(step:tensor:count:)`` in all processes.
    package func update(of optimizer: Adam, limit: Double, _ name: String, step number: Int) throws -> SharedUpdate {
        guard isSharded else {
            return SharedUpdate(
                try ClippedStep(of: optimizer, limit: limit, name, step: number), of: optimizer, in: self)
        }
        do {
            let step = try ClippedStep(
                of: optimizer, limit: limit, squaredNorm: try squaredNorm(of: optimizer),
                nonFiniteCount: {
                    try sum(optimizer.parameters.reduce(0) { $0 + ($1.gradient?.nonFiniteCount() ?? 0) })
                })
            return SharedUpdate(step, of: optimizer, in: self)
        } catch let error as NonFiniteGradients {
            throw RunError.nonFinite(step: number, tensor: name, count: error.count)
        }
    }

    /// The squared norm of divided gradients, added as `squaredNorm` adds it in one process.
    private func squaredNorm(of optimizer: Adam) throws -> Double {
        let first = first(of: optimizer)
        let own = optimizer.parameters.enumerated().flatMap { i, parameter in
            pieces(of: first + i, in: group.rank).map { piece in
                let start = buckets.elements(of: first + i, in: group.rank).lowerBound
                return parameter.gradient?.part(piece.lowerBound - start..<piece.upperBound - start).squaredNorm()
                    ?? 0
            }
        }
        let all = try group.gather(own.withUnsafeBufferPointer { Data(buffer: $0) }).map { data in
            data.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: Double.self) }
            }
        }
        var next = all.map { _ in 0 }
        return optimizer.parameters.indices.reduce(0.0) { total, i in
            var norm = 0.0
            for rank in 0..<group.count {
                for _ in pieces(of: first + i, in: rank) {
                    norm += all[rank][next[rank]]
                    next[rank] += 1
                }
            }
            return total + norm
        }
    }

    /// The pieces of a parameter that a process has.
    private func pieces(of index: Int, in rank: Int) -> [Range<Int>] {
        let range = buckets.elements(of: index, in: rank)
        return stride(from: range.lowerBound, to: range.upperBound, by: GradientBuckets.piece).map {
            $0..<min($0 + GradientBuckets.piece, range.upperBound)
        }
    }

    /// The sum of a number over all processes.
    func sum(_ count: Int) throws -> Int { try group.results { count }.reduce(0, +) }

    /// Sends each process's elements of an optimiser's parameters to all.
    func shareParameters(of optimizer: Adam) throws {
        guard isSharded else { return }
        let start = ContinuousClock.now
        let first = first(of: optimizer)
        for bucket in buckets.buckets {
            let members = bucket.members.filter { optimizer.parameters.indices.contains($0 - first) }
            guard !members.isEmpty else { continue }
            // Each process has consecutive elements of the bucket, so that what is gathered is the members' elements in order.
            let counts = (0..<group.count).map { rank in
                members.reduce(0) { $0 + buckets.elements(of: $1, in: rank).count }
            }
            let all = try group.gather(
                members.map { parameters[$0].value.part(buckets.elements(of: $0, in: group.rank)) }, counts: counts)
            for (index, elements) in zip(members, all.parts(members.map { buckets.sizes[$0] })) {
                let own = buckets.elements(of: index, in: group.rank)
                parameters[index].update {
                    $0.replaceElements(from: 0, by: elements.part(0..<own.lowerBound))
                    $0.replaceElements(from: own.upperBound, by: elements.part(own.upperBound..<elements.count))
                }
            }
        }
        ProcessTraffic.add(gatherSeconds: (ContinuousClock.now - start) / .seconds(1))
    }

    /// All elements of a tensor of which each process has its own.
    ///
    /// - Parameters:
    ///   - tensor: this process's elements, or all.
    ///   - optimizer: the optimiser that has them.
    ///   - i: the index of its parameter.
    package func whole(_ tensor: Tensor, of optimizer: Adam, at i: Int) throws -> Tensor {
        guard isSharded else { return tensor }
        let (shape, index) = (optimizer.parameters[i].shape, first(of: optimizer) + i)
        let own = buckets.elements(of: index, in: group.rank)
        let isWhole = tensor.shape == shape && tensor.count != own.count
        return try group.gather(
            [isWhole ? tensor.part(own) : tensor],
            counts: (0..<group.count).map { buckets.elements(of: index, in: $0).count }
        ).reshaped(to: shape)
    }

    /// Gives every process all elements of the moving averages, which it keeps until the next step.
    package func gatherAverages() throws {
        guard isSharded else { return }
        // So that what the last step computed in is not resident beside the averages.
        releaseIdleTensorMemory()
        for optimizer in optimizers {
            for average in optimizer.averages {
                for (i, parameter) in optimizer.parameters.enumerated() {
                    guard let averaged = average.average(of: parameter), let value = averaged.storedValue else {
                        continue
                    }
                    averaged.storedValue = try whole(value, of: optimizer, at: i)
                }
            }
        }
    }

    /// Keeps each process's own elements of the averages only, and returns the memory of the others to the system.
    private func keepOwnAverages() {
        guard isSharded else { return }
        let changes = optimizers.map { $0.keepOwnAverages() }
        if changes.contains(true) { releaseIdleTensorMemory() }
    }

    /// The optimiser that is divided and updates the average of a parameter set's parameter, with the index of the parameter.
    func owner(ofAverage parameter: Parameter) -> (optimizer: Adam, index: Int)? {
        guard isSharded else { return nil }
        for optimizer in optimizers {
            for average in optimizer.averages where average.parameters[parameter.path] === parameter {
                if let i = optimizer.parameters.firstIndex(where: { average.average(of: $0) === parameter }) {
                    return (optimizer, i)
                }
            }
        }
        return nil
    }

    /// Whether it has an optimiser.
    func contains(_ optimizer: Adam) -> Bool { optimizers.contains { $0 === optimizer } }
}
