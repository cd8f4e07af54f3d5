/// The broadcasting of two shapes by NumPy's rule: aligned at the last axis, extents equal or one of them 1.
struct Broadcast {
    let shape: [Int]
    /// Extents, outermost first, with neighbouring axes merged where both operands allow it.
    private(set) var extents: [Int] = []
    /// The strides of each operand per axis, in elements; 0 where the operand is repeated.
    private(set) var leftStrides: [Int] = []
    private(set) var rightStrides: [Int] = []

    init?(_ left: [Int], _ right: [Int]) {
        guard let shape = Tensor.broadcastShape(left, right) else { return nil }
        self.shape = shape
        let a = [Int](repeating: 1, count: shape.count - left.count) + left
        let b = [Int](repeating: 1, count: shape.count - right.count) + right
        var leftStride = 1
        var rightStride = 1
        for axis in stride(from: shape.count - 1, through: 0, by: -1) where shape[axis] != 1 {
            let leftStep = a[axis] == 1 ? 0 : leftStride
            let rightStep = b[axis] == 1 ? 0 : rightStride
            if let inner = extents.last, leftStep == leftStrides[leftStrides.count - 1] * inner,
                rightStep == rightStrides[rightStrides.count - 1] * inner
            {
                extents[extents.count - 1] *= shape[axis]
            } else {
                extents.append(shape[axis])
                leftStrides.append(leftStep)
                rightStrides.append(rightStep)
            }
            leftStride *= a[axis]
            rightStride *= b[axis]
        }
        if extents.isEmpty {
            extents = [1]
            leftStrides = [0]
            rightStrides = [0]
        }
        extents.reverse()
        leftStrides.reverse()
        rightStrides.reverse()
    }

    /// The start of an innermost run in both operands.
    func offsets(ofRun run: Int) -> (left: Int, right: Int) {
        var rest = run
        var left = 0
        var right = 0
        for axis in stride(from: extents.count - 2, through: 0, by: -1) {
            let index = rest % extents[axis]
            rest /= extents[axis]
            left += index * leftStrides[axis]
            right += index * rightStrides[axis]
        }
        return (left, right)
    }
}

extension Tensor {
    /// The shape to which two shapes broadcast, or nil if they are incompatible.
    package static func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int]? {
        let rank = max(a.count, b.count)
        var shape = [Int](repeating: 1, count: rank)
        for i in 1...max(rank, 1) where i <= rank {
            let left = i <= a.count ? a[a.count - i] : 1
            let right = i <= b.count ? b[b.count - i] : 1
            guard left == right || left == 1 || right == 1 else { return nil }
            shape[rank - i] = left == 1 ? right : left
        }
        return shape
    }

    /// This tensor repeated to fill `newShape`, to which it must broadcast.
    public func broadcast(to newShape: [Int]) -> Tensor {
        require(
            Tensor.broadcastShape(shape, newShape) == newShape, "broadcast: \(shape) does not fill \(newShape)")
        return shape == newShape ? self : self + Tensor.zeros(newShape)
    }

    /// The inverse of broadcasting: sums over the axes along which `smaller` was repeated.
    public func summed(to smaller: [Int]) -> Tensor {
        guard shape != smaller else { return self }
        require(
            Tensor.broadcastShape(shape, smaller) == shape, "summed(to:): \(smaller) does not broadcast to \(shape)")
        let padded = [Int](repeating: 1, count: rank - smaller.count) + smaller
        let axes = (0..<rank).filter { padded[$0] == 1 && shape[$0] != 1 }
        return sum(alongAxes: axes, keepingDimensions: true).reshaped(to: smaller)
    }
}
