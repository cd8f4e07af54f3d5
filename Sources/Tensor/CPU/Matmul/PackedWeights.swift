import Synchronization

/// Packed copies of weights, in the layout that matrix products read, for networks that run many times.
///
/// A product first packs its weight into that layout, which pays off only when the left operand has many rows. Within
/// ``budget``, weights mapped from a file, which are never written, keep the packed Float32 copy from their first product with
/// few rows on, and their pages of the file are released from memory. Results are bit-identical.
///
/// A process-wide setting. By default nothing is kept: for a single image the copies do not pay off.
public enum PackedWeights {
    private static let limit = Atomic<Int>(0)
    private static let used = Atomic<Int>(0)

    /// The maximum total size of the copies in bytes, at least 0. Existing copies stay as long as their weights do.
    public static var budget: Int {
        get { limit.load(ordering: .relaxed) }
        set {
            require(newValue >= 0, "PackedWeights.budget: expected at least 0 bytes, found \(newValue)")
            limit.store(newValue, ordering: .relaxed)
        }
    }

    /// The current total size of the copies in bytes.
    public static var byteCount: Int { used.load(ordering: .relaxed) }

    /// Reserves `bytes` if they fit into the budget, and returns whether they do.
    fileprivate static func take(_ bytes: Int) -> Bool {
        guard used.wrappingAdd(bytes, ordering: .relaxed).newValue <= budget else {
            giveBack(bytes)
            return false
        }
        return true
    }

    fileprivate static func giveBack(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }
}

/// A weight `[outputs, …]` as the right operand of its product, in panels of outputs.
private final class PackedWeight: Sendable {
    private let storage: TensorStorage
    private let byteCount: Int
    let panels: Panels

    /// Packs `weight`; nil if the budget is too small.
    init?(_ weight: Tensor, for product: MatrixProduct) {
        let outputs = weight.shape[0]
        let rows = weight.count / outputs
        let count = scratchCount(product.panelBytes(n: outputs, k: rows))
        byteCount = StoragePool.capacity(for: count) * MemoryLayout<Float>.stride
        guard PackedWeights.take(byteCount) else { return nil }
        storage = TensorStorage(count: count)
        panels = product.panels(storage.base, rows: rows)
        let (width, target) = (product.panelWidth, SharedMutable(storage.base))
        let matrix = MatrixView(weight, stride: rows, transposed: true)
        parallelFor((outputs + width - 1) / width, grain: 1) { range in
            let first = range.lowerBound * width
            product.pack(
                matrix.from(column: first), rows: rows, columns: min(outputs, range.upperBound * width) - first,
                into: UnsafeMutableRawPointer(target.pointer) + product.panelBytes(n: first, k: rows))
        }
    }

    deinit { PackedWeights.giveBack(byteCount) }
}

extension Tensor {
    /// The packed panels of this weight `[outputs, …]`; nil if none are kept. Valid while this tensor lives.
    package func keptPanels(for product: MatrixProduct = .highest) -> Panels? {
        guard PackedWeights.budget > 0, rank >= 2, count > 0 else { return nil }
        return storage.derived([shape[0], product.panelFormat]) { PackedWeight(self, for: product) }?.panels
    }
}
