import Synchronization

/// Copies of weights in the order in which products read them, for networks that run again and again.
///
/// Before a product multiplies by a weight it puts the weight's numbers into that order, which few rows hardly repay. Within
/// ``budget``, weights that are mapped from a file, which nobody writes, keep the result in Float32 from their first product
/// with few rows on, and their share of the file leaves memory. Results are the same, bit by bit.
///
/// A process-wide setting. By default nothing is kept: a single picture is drawn before copies have paid for themselves.
public enum PackedWeights {
    private static let limit = Atomic<Int>(0)
    private static let used = Atomic<Int>(0)

    /// Bytes that all copies together may take, at least 0. Copies that exist stay as long as their weights do.
    public static var budget: Int {
        get { limit.load(ordering: .relaxed) }
        set {
            precondition(newValue >= 0, "PackedWeights.budget: expected at least 0 bytes, found \(newValue)")
            limit.store(newValue, ordering: .relaxed)
        }
    }

    /// Bytes that copies take now.
    public static var byteCount: Int { used.load(ordering: .relaxed) }

    /// Whether so many bytes more stay within the budget; they count as taken then.
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
final class PackedWeight: Sendable {
    let outputs: Int
    private let storage: TensorStorage
    private let byteCount: Int

    /// Nil where the budget does not suffice.
    init?(_ weight: Tensor) {
        outputs = weight.shape[0]
        let rows = weight.count / outputs
        let count = MatrixProduct.scratchCount(n: outputs, k: rows)
        byteCount = StoragePool.capacity(for: count) * MemoryLayout<Float>.stride
        guard PackedWeights.take(byteCount) else { return nil }
        storage = TensorStorage(count: count)
        let (panel, target) = (kernels.panel_width, SharedMutable(storage.base))
        let (outputs, matrix) = (outputs, MatrixView(weight, stride: rows, transposed: true))
        parallelFor((outputs + panel - 1) / panel, grain: 1) { panels in
            let first = panels.lowerBound * panel
            matrix.from(column: first).pack(
                rows: rows, columns: min(outputs, panels.upperBound * panel) - first, into: target + first * rows)
        }
    }

    deinit { PackedWeights.giveBack(byteCount) }

    /// [panel][row][column]
    var panels: UnsafePointer<Float> { UnsafePointer(storage.base) }
}

extension Tensor {
    /// The panels of this weight `[outputs, …]`, nil where they are not kept. Valid while this lives.
    package var keptPanels: UnsafePointer<Float>? {
        guard PackedWeights.budget > 0, rank >= 2, count > 0 else { return nil }
        return storage.packed(self)?.panels
    }
}
