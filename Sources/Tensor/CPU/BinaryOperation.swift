import CTensorKernels

/// An operation on two numbers, applied elementwise to broadcast tensors.
enum BinaryOperation {
    case add, subtract, multiply, divide

    private var kernel: Int32 {
        switch self {
        case .add: Int32(tensor_binary_add)
        case .subtract: Int32(tensor_binary_subtract)
        case .multiply: Int32(tensor_binary_multiply)
        case .divide: Int32(tensor_binary_divide)
        }
    }

    /// left ∘ right.
    func combine(_ left: Tensor, _ right: Tensor, _ plan: Broadcast) -> Tensor {
        let result = Tensor(uninitialized: plan.shape)
        combine(Shared(left), Shared(right), plan, into: result.storage.base)
        return result
    }

    /// left = left ∘ right, for a plan whose shape is left's.
    func combine(_ left: inout Tensor, _ right: Tensor, _ plan: Broadcast) {
        guard left.isWrittenInPlace() else {
            left = combine(left, right, plan)
            return
        }
        let target = left.mutableBase()
        combine(Shared(UnsafePointer(target)), Shared(right), plan, into: target)
    }

    private func combine(
        _ a: Shared<Float>, _ b: Shared<Float>, _ plan: Broadcast, into target: UnsafeMutablePointer<Float>
    ) {
        guard !plan.shape.contains(0) else { return }
        let operation = kernel
        let inner = plan.extents[plan.extents.count - 1]
        let runs = plan.extents.dropLast().reduce(1, *)
        let leftRepeats = plan.leftStrides[plan.leftStrides.count - 1] == 0
        let rightRepeats = plan.rightStrides[plan.rightStrides.count - 1] == 0 && inner > 1
        let mode =
            rightRepeats
            ? tensor_broadcast_right : leftRepeats && inner > 1 ? tensor_broadcast_left : tensor_broadcast_none
        let y = SharedMutable(target)
        if runs == 1 {
            parallelFor(inner, grain: 65_536) { range in
                let start = range.lowerBound
                kernels.binary(
                    operation, Int32(mode), range.count,
                    a + (mode == tensor_broadcast_left ? 0 : start),
                    b + (mode == tensor_broadcast_right ? 0 : start), y + start)
            }
        } else {
            parallelFor(runs, grain: max(1, 65_536 / inner)) { range in
                for run in range {
                    let offset = plan.offsets(ofRun: run)
                    kernels.binary(
                        operation, Int32(mode), inner, a + offset.left, b + offset.right, y + run * inner)
                }
            }
        }
    }
}
