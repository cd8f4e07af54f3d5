import Tensor

/// Runs `body` on parts of a batch side by side, forward and backward: an operation of a part stays on its thread instead of
/// being shared out to all.
///
/// Gradients of parameters are computed part by part and added in the order of the parts, so a run with as many parts again
/// gives the same numbers.
///
/// - Parameters:
///   - inputs: each is cut along its first axis, which all have the same extent of.
///   - parts: how many, at most one a sample.
///   - body: computes the outputs of the samples `rows` from their inputs. It is called on several threads.
/// - Returns: the outputs, joined along the first axis.
public func dataParallel(
    _ inputs: [Variable], parts: Int, _ body: (_ rows: Range<Int>, _ inputs: [Variable]) -> Variable
) -> Variable {
    let batch = inputs.first?.shape[0] ?? 0
    precondition(
        parts >= 1 && parts <= batch && inputs.allSatisfy { $0.shape[0] == batch },
        "dataParallel: expected inputs of one batch and at most a part a sample, found \(inputs.map(\.shape)) in \(parts)"
    )
    let rows = (0..<parts).map { $0 * batch / parts..<($0 + 1) * batch / parts }
    let leaves = rows.map { rows in
        inputs.map { input in
            let values = input.value.sliced(axis: 0, rows)
            return input.requiresGradient ? Variable.trainable(values) : Variable(values)
        }
    }
    let outputs = sideBySide(parts) { body(rows[$0], leaves[$0]) }
    let value = Tensor.concatenate(outputs.map(\.value), axis: 0)
    let graphs = outputs.map(\.node)
    guard graphs.contains(where: { $0 != nil }) else { return Variable(value) }

    var seen: Set<ObjectIdentifier> = []
    let parameters = zip(graphs, leaves).flatMap { $0?.leaves(besides: $1) ?? [] }
        .filter { seen.insert(ObjectIdentifier($0)).inserted }
    let node = Node(shape: value.shape, parents: inputs.map(\.node) + parameters) { outputGradient in
        let found = sideBySide(parts) { part in
            graphs[part]?.leafGradients(from: outputGradient.sliced(axis: 0, rows[part])) ?? LeafGradients()
        }
        let ofInputs = inputs.indices.map { i -> Tensor? in
            guard inputs[i].requiresGradient else { return nil }
            let gradients = (0..<parts).map { part in
                leaves[part][i].node.flatMap { found[part][$0] } ?? .zeros(leaves[part][i].shape)
            }
            return .concatenate(gradients, axis: 0)
        }
        let ofParameters = parameters.map { leaf in
            found.compactMap { $0[leaf] }.reduce(nil as Tensor?) { sum, part in sum.map { $0 + part } ?? part }
        }
        return ofInputs + ofParameters
    }
    return Variable(value, node: node)
}

/// The results of `body` for 0 …< `count`, each computed by one thread. Variables belong to one task, and each call has its own.
private func sideBySide<Result>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
    var results = [Result?](repeating: nil, count: count)
    results.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        let target = SharedMutable(base)
        withoutActuallyEscaping(body) { body in
            nonisolated(unsafe) let body = body
            parallelFor(count, grain: 1) { range in
                for part in range { (target + part).pointee = body(part) }
            }
        }
    }
    return results.compactMap { $0 }
}
