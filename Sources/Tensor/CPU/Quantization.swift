import CTensorKernels

/// The scales of 8-bit integers: number i is the integer times the scale of its row, of which each has `width` numbers.
struct RowScales: Sendable {
    /// The scales of all rows, Float32 in memory that is never written.
    private let values: Tensor
    /// The numbers of a row.
    let width: Int
    /// How many numbers of the rows come before the first one.
    private let skipped: Int

    /// The scales of rows of `width` numbers, `[rows]`.
    init(_ values: Tensor, width: Int) { self.init(values.widened(), width: width, skipped: 0) }

    private init(_ values: Tensor, width: Int, skipped: Int) {
        (self.values, self.width, self.skipped) = (values, width, skipped)
    }

    /// The scales of the numbers from the given one on.
    func from(_ number: Int) -> RowScales { RowScales(values, width: width, skipped: skipped + number) }

    /// The scale of a number's row and, after it, those of the following rows. Valid while these scales live.
    func pointer(at number: Int) -> UnsafePointer<Float> {
        UnsafePointer(values.storage.base) + (skipped + number) / max(width, 1)
    }

    /// The scales of the rows of `count` numbers, `[rows]`.
    func values(count: Int) -> Tensor {
        let first = skipped / max(width, 1)
        return values.sliced(axis: 0, first..<first + (count + width - 1) / max(width, 1))
    }

    /// Writes the numbers of a range, of which `integers` is the first, as Float32.
    func widen(_ integers: UnsafePointer<Int8>, _ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        var number = range.lowerBound
        while number < range.upperBound {
            let end = min(range.upperBound, number + width - (skipped + number) % width)
            let offset = number - range.lowerBound
            kernels.widen_bytes(end - number, integers + offset, pointer(at: number).pointee, target + offset)
            number = end
        }
    }
}

extension Tensor {
    /// The same weight, `[outputs, …]` of rank 2 or more, in 8-bit integers with one scale for each output: the nearest integer to w / scale,
    /// ties to even, where scale = max |w| / 127 over the output's weights. The error is at most half a scale. The scale of an
    /// output with elements that are not finite is NaN.
    ///
    /// Products, convolutions and lookups widen it as they read, to integer · scale in Float32. A weight with one number for each output
    /// stays as it is.
    package func quantized() -> Tensor {
        require(rank >= 2, "quantized: expected a weight of rank 2 or more, found shape \(shape)")
        // A scale for each number would take more memory than the number.
        guard scalarType != .int8, count > shape[0] else { return self }
        let (rows, width) = (shape[0], count / shape[0])
        let integers = TensorStorage.ConvertedNumbers(byteCount: count)
        let scales = Tensor(uninitialized: [rows])
        let factors = SharedMutable(scales.storage.base)
        guard let base = integers.bytes.bindMemory(to: Int8.self).baseAddress else { return self }
        let target = SharedMutable(base)
        parallelFor(rows, grain: max(1, 65_536 / width), scratch: scalarType == .float32 ? 0 : width) {
            range, row in
            for index in range {
                var source = UnsafePointer(row)
                if scalarType == .float32 {
                    source = UnsafePointer(storage.base) + index * width
                } else {
                    storage.widen(index * width..<(index + 1) * width, into: row)
                }
                factors.pointer[index] = kernels.quantize(width, source, target + index * width)
            }
        }
        return Tensor(TensorStorage(integers: integers, scales: RowScales(scales, width: width)), shape: shape)
    }

    /// The bytes of the elements as stored, with their scales.
    package var storedByteCount: Int {
        count * scalarType.byteCount + (scales.map { $0.count * MemoryLayout<Float>.stride } ?? 0)
    }

    /// The scales of a weight in 8-bit integers, `[outputs]`; nil for other types.
    package var scales: Tensor? { storage.scales?.values(count: count) }
}
