import Foundation

extension Tensor {
    /// 1 where an element of `a` is less than that of `b`, otherwise 0. The shapes broadcast.
    public static func .< (a: Tensor, b: Tensor) -> Tensor { compared(a, b, ".<") { $0 < $1 } }
    /// 1 where an element of `a` is at most that of `b`, otherwise 0. The shapes broadcast.
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { compared(a, b, ".<=") { $0 <= $1 } }
    /// 1 where an element of `a` is greater than that of `b`, otherwise 0. The shapes broadcast.
    public static func .> (a: Tensor, b: Tensor) -> Tensor { compared(a, b, ".>") { $0 > $1 } }
    /// 1 where an element of `a` is at least that of `b`, otherwise 0. The shapes broadcast.
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { compared(a, b, ".>=") { $0 >= $1 } }
    /// 1 where the elements are equal, otherwise 0. The shapes broadcast; NaN equals nothing.
    public static func .== (a: Tensor, b: Tensor) -> Tensor { compared(a, b, ".==") { $0 == $1 } }
    /// 1 where the elements differ, otherwise 0. The shapes broadcast; NaN differs from everything.
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { compared(a, b, ".!=") { $0 != $1 } }

    private static func compared(
        _ a: Tensor, _ b: Tensor, _ name: String, _ holds: @Sendable (Float, Float) -> Bool
    ) -> Tensor {
        pairs(a, b, operation: name) { holds($0, $1) ? 1 : 0 }
    }

    /// The larger of each pair of elements; NaN if one of them is, as in PyTorch's `maximum`. The shapes broadcast.
    public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor {
        pairs(a, b, operation: "maximum") { $0 > $1 || $0.isNaN ? $0 : $1 }
    }

    /// The smaller of each pair of elements; NaN if one of them is, as in PyTorch's `minimum`. The shapes broadcast.
    public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor {
        pairs(a, b, operation: "minimum") { $0 < $1 || $0.isNaN ? $0 : $1 }
    }

    /// Each element raised to the power of that of `exponent`, as C's `pow`. The shapes broadcast.
    public func raised(to exponent: Tensor) -> Tensor {
        .pairs(self, exponent, operation: "raised") { Foundation.pow($0, $1) }
    }

    /// Each element raised to a power, as C's `pow`.
    public func raised(to exponent: Float) -> Tensor { raised(to: Tensor(exponent)) }

    /// `other`'s elements where `mask` is not 0, and this tensor's elsewhere: PyTorch's `where(mask, other, self)`. All shapes
    /// broadcast.
    public func replacing(with other: Tensor, where mask: Tensor) -> Tensor {
        // Selection by multiplication would turn 0 · ∞ into NaN.
        let kept = Tensor.pairs(self, mask, operation: "replacing") { $1 == 0 ? $0 : 0 }
        let taken = Tensor.pairs(other, mask, operation: "replacing") { $1 == 0 ? 0 : $0 }
        return kept + taken
    }
}
