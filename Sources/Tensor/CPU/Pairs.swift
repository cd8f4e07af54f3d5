import Foundation

extension Tensor {
    /// `function` of each pair of elements of two tensors, which broadcast as in arithmetic, in parallel.
    static func pairs(
        _ a: Tensor, _ b: Tensor, operation: String, _ function: @Sendable (Float, Float) -> Float
    ) -> Tensor {
        guard let plan = Broadcast(a.shape, b.shape) else {
            fatalError("\(operation): shapes \(a.shape) and \(b.shape) do not broadcast")
        }
        let result = Tensor(uninitialized: plan.shape)
        guard !plan.shape.contains(0) else { return result }
        let (left, right, target) = (Shared(a), Shared(b), SharedMutable(result.storage.base))
        let last = plan.extents.count - 1
        let (inner, leftStep, rightStep) = (plan.extents[last], plan.leftStrides[last], plan.rightStrides[last])
        parallelFor(plan.extents.dropLast().reduce(1, *), grain: max(1, 16_384 / inner)) { range in
            for run in range {
                let offsets = plan.offsets(ofRun: run)
                let (x, y, z) = (left + offsets.left, right + offsets.right, target + run * inner)
                for i in 0..<inner { z[i] = function(x[i * leftStep], y[i * rightStep]) }
            }
        }
        return result
    }
}
