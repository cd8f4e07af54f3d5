import Tensor

/// Runs `body` on shards of a batch in parallel, forward and backward: the operations of a shard run on one thread instead of being
/// split across all threads.
///
/// Gradients of parameters are computed per shard and added in the order of the shards, so results are reproducible for a given
/// number of shards.
///
/// - Parameters:
///   - inputs: each is split along its first axis, whose extent must be the same for all.
///   - shards: the number of shards, at most one per sample.
///   - body: computes the outputs of the samples `rows` from their inputs, the same number for every shard; called on several threads.
/// - Returns: the outputs, each concatenated along the first axis.
public func dataParallel(
    _ inputs: [Variable], shards: Int, _ body: @Sendable (_ rows: Range<Int>, _ inputs: [Variable]) -> [Variable]
) -> [Variable] {
    // The graph of a shard has one root: several outputs are flattened to rows and concatenated.
    var shapes: [[Int]] = []
    let joined = joinedDataParallel(inputs, shards: shards) { rows, inputs in
        let outputs = body(rows, inputs)
        // Exactly one shard begins at 0, so only one thread writes.
        if rows.lowerBound == 0 { shapes = outputs.map { Array($0.shape.dropFirst()) } }
        return outputs.count == 1
            ? outputs[0]
            : .concatenate(outputs.map { $0.reshaped(to: [rows.count, $0.shape.dropFirst().reduce(1, *)]) }, axis: 1)
    }
    guard shapes.count != 1 else { return [joined] }
    var start = 0
    return shapes.map { shape in
        let columns = start..<start + shape.reduce(1, *)
        start = columns.upperBound
        return joined.sliced(axis: 1, columns).reshaped(to: [joined.shape[0]] + shape)
    }
}

private func joinedDataParallel(
    _ inputs: [Variable], shards: Int, _ body: (_ rows: Range<Int>, _ inputs: [Variable]) -> Variable
) -> Variable {
    let batch = inputs.first?.shape[0] ?? 0
    require(
        shards >= 1 && shards <= batch && inputs.allSatisfy { $0.shape[0] == batch },
        "dataParallel: expected inputs of one batch size and at most one shard per sample, found \(inputs.map(\.shape)) in \(shards)"
    )
    let rows = (0..<shards).map { $0 * batch / shards..<($0 + 1) * batch / shards }
    let leaves = rows.map { rows in
        inputs.map { input in
            let values = input.value.sliced(axis: 0, rows)
            return input.requiresGradient ? Variable.trainable(values) : Variable(values)
        }
    }
    let outputs = sideBySide(shards) { body(rows[$0], leaves[$0]) }
    let value = Tensor.concatenate(outputs.map(\.value), axis: 0)
    let graphs = outputs.map(\.node)
    guard graphs.contains(where: { $0 != nil }) else { return Variable(value) }

    var seen: Set<ObjectIdentifier> = []
    let parameters = zip(graphs, leaves).flatMap { $0?.leaves(besides: $1) ?? [] }
        .filter { seen.insert(ObjectIdentifier($0)).inserted }
    let node = Node(shape: value.shape, parents: inputs.map(\.node) + parameters) { outputGradient in
        let found = sideBySide(shards) { shard in
            graphs[shard]?.leafGradients(from: outputGradient.sliced(axis: 0, rows[shard])) ?? LeafGradients()
        }
        let ofInputs = inputs.indices.map { i -> Tensor? in
            guard inputs[i].requiresGradient else { return nil }
            let gradients = (0..<shards).map { shard in
                leaves[shard][i].node.flatMap { found[shard][$0] } ?? .zeros(leaves[shard][i].shape)
            }
            return .concatenate(gradients, axis: 0)
        }
        let ofParameters = parameters.map { leaf in
            found.compactMap { $0[leaf] }.reduce(nil as Tensor?) { sum, gradient in
                sum.map { $0 + gradient } ?? gradient
            }
        }
        return ofInputs + ofParameters
    }
    return Variable(value, node: node)
}

/// The results of `body` for 0 ..< `count`, each computed on one thread. A variable belongs to one task, so each call uses its own.
private func sideBySide<Result>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
    let precision = MatmulPrecision.current
    var results = [Result?](repeating: nil, count: count)
    results.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        let target = SharedMutable(base)
        withoutActuallyEscaping(body) { body in
            nonisolated(unsafe) let body = body
            parallelFor(count, grain: 1) { range in
                for index in range { (target + index).pointee = precision.within { body(index) } }
            }
        }
    }
    return results.compactMap { $0 }
}
