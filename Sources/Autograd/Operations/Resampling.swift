import Tensor

extension Variable {
    /// Nearest-neighbour upsampling: `[batch, height, width, channels]` → `[batch, factor · height, factor · width,
    /// channels]`.
    public func upsampledNearest(by factor: Int = 2) -> Variable {
        Variable.record(value.upsampledNearest(by: factor), from: self) { outputGradient in
            outputGradient.summedSquares(of: factor)
        }
    }

    /// The mean of each `factor` × `factor` square: `[batch, height, width, channels]` → `[batch, height / factor,
    /// width / factor, channels]`; both extents must be multiples of `factor`.
    public func averagePooled(by factor: Int) -> Variable {
        Variable.record(value.averagePooled(by: factor), from: self) { outputGradient in
            outputGradient.upsampledNearest(by: factor) * (1 / Float(factor * factor))
        }
    }
}
