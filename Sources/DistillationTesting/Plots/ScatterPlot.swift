import DiffusionModels
import Distillation
import Tensor

/// A square scatter plot in the plane: data points in grey, with other points in red over them.
public struct ScatterPlot: Sendable {
    /// Width and height in pixels.
    public var size = 320
    /// Both axes run from −extent to extent.
    public var extent = 3.0

    /// A plot of the default size and extent.
    public init() {}

    /// Draws the plot.
    ///
    /// - Parameters:
    ///   - points: the points in red, `[count, …]` with two coordinates per point.
    ///   - data: the points in grey below them, of the same form.
    ///
    /// Throws `DistillationError` for a size or points of another form.
    public func picture(of points: Tensor, over data: Tensor) throws -> Picture {
        guard (1...16_384).contains(size), extent > 0 else {
            throw DistillationError.invalidSetting(
                name: "ScatterPlot", expected: "1 to 16384 pixels and an extent above 0", found: "\(size) and \(extent)"
            )
        }
        var pixels = [UInt8](repeating: 255, count: 3 * size * size)
        try draw(data, radius: 1, colour: [200, 200, 200], &pixels)
        try draw(points, radius: 2, colour: [200, 30, 40], &pixels)
        return try Picture(width: size, height: size, pixels: pixels)
    }

    private func draw(_ points: Tensor, radius: Int, colour: [UInt8], _ pixels: inout [UInt8]) throws {
        guard points.rank > 0, points.count == 2 * points.shape[0] else {
            throw DistillationError.unsuitableShape(
                of: "ScatterPlot", expected: "two coordinates per point", found: "\(points.shape)")
        }
        let values = points.scalars.map(Double.init)
        for start in stride(from: 0, to: values.count, by: 2) where values[start].isFinite && values[start + 1].isFinite
        {
            let column = Int(((values[start] / extent + 1) / 2 * Double(size)).rounded(.down).clamped(to: size))
            let row = Int(((1 - values[start + 1] / extent) / 2 * Double(size)).rounded(.down).clamped(to: size))
            for y in max(0, row - radius)..<max(0, min(size, row + radius + 1)) {
                for x in max(0, column - radius)..<max(0, min(size, column + radius + 1)) {
                    pixels.replaceSubrange(3 * (y * size + x)..<3 * (y * size + x) + 3, with: colour)
                }
            }
        }
    }
}

extension Double {
    /// Limits a pixel coordinate to just outside the plot, so that it fits in an Int.
    fileprivate func clamped(to size: Int) -> Double { Swift.min(Swift.max(self, -10), Double(size) + 10) }
}
