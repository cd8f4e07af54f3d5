import Foundation
import Tensor

/// A method of resizing pictures: Pillow's arithmetic, or PyTorch's `interpolate` without antialiasing.
public struct Resampling: Sendable, Equatable, CustomStringConvertible {
    /// The filter kernel that weights neighbouring pixels.
    public enum Filter: String, Sendable {
        /// A triangle with a support of one pixel on each side.
        case bilinear
        /// Keys' cubic with a = −½ and a support of two pixels on each side.
        case bicubic
        /// A windowed sinc with a support of three pixels on each side.
        case lanczos
    }

    /// The filter kernel.
    public let filter: Filter
    /// Whether the filter is widened when downsampling, as in Pillow, so that no pixel is skipped; PyTorch's `interpolate`, which
    /// pytorch-fid uses, does not widen it.
    public let isAntialiased: Bool
    /// Whether the result is rounded to 8 bits after each direction, with Pillow's fixed-point weights.
    public let isRounded: Bool

    /// A method with this filter, by default antialiased and not rounded.
    public init(_ filter: Filter, isAntialiased: Bool = true, isRounded: Bool = false) {
        (self.filter, self.isAntialiased, self.isRounded) = (filter, isAntialiased, isRounded)
    }

    /// The filter and the settings that differ from the defaults.
    public var description: String {
        filter.rawValue + (isAntialiased ? "" : " without antialiasing") + (isRounded ? ", 8 bits" : "")
    }

    /// The colours of a picture resized to `new`, 0…255, row by row. Throws ``PictureError`` if they do not fit in memory.
    package func resized(
        _ picture: Picture, to new: (width: Int, height: Int)
    ) throws(PictureError) -> [Float] {
        let old = (width: picture.width, height: picture.height)
        // Between the two passes a picture has the new width and the old height, or the old width and the new height.
        let isDownFirst = isDownFirst(from: old, to: new)
        let between = isDownFirst ? (old.width, new.height) : (new.width, old.height)
        for (width, height) in [between, new] {
            try Picture.checkMemory("Picture.resized", width: width, height: height, bytesPerColour: 8)
        }
        func across(_ pixels: [some ColourLevel], rows: Int) -> [Float] {
            resampled(pixels, lines: rows, weights(from: old.width, to: new.width), old.width, step: 3)
        }
        func down(_ pixels: [some ColourLevel], width: Int) -> [Float] {
            resampled(pixels, lines: 1, weights(from: old.height, to: new.height), old.height, step: 3 * width)
        }
        // The first pass reads the picture's bytes directly: as Float32 they would take four times the memory.
        switch (new.width != old.width, new.height != old.height) {
        case (false, false): return picture.pixels.map { Float($0) }
        case (true, false): return across(picture.pixels, rows: old.height)
        case (false, true): return down(picture.pixels, width: old.width)
        case (true, true):
            return isDownFirst
                ? across(down(picture.pixels, width: old.width), rows: new.height)
                : down(across(picture.pixels, rows: old.height), width: new.width)
        }
    }

    /// Whether the vertical pass comes first, as in Pillow 13; older versions always begin with the horizontal pass. The order
    /// affects 8-bit results, because the intermediate result is rounded.
    private func isDownFirst(from old: (width: Int, height: Int), to new: (width: Int, height: Int)) -> Bool {
        new.height < old.height && old.height - new.height > 2 * (old.width - new.width)
    }

    /// For each new pixel, the first source position and the weights from there on.
    private typealias Weights = [(start: Int, values: [Double])]

    /// Resamples along one direction. The pixels are `lines` lines of `length` positions with `step` numbers each.
    private func resampled(
        _ pixels: [some ColourLevel], lines: Int, _ weights: Weights, _ length: Int, step: Int
    ) -> [Float] {
        var result = [Float](repeating: 0, count: lines * weights.count * step)
        var sums = [Double](repeating: 0, count: step)
        for line in 0..<lines {
            for (index, weight) in weights.enumerated() {
                for place in sums.indices { sums[place] = 0 }
                for (tap, value) in weight.values.enumerated() {
                    let source = (line * length + weight.start + tap) * step
                    for place in 0..<step { sums[place] += value * pixels[source + place].level }
                }
                let target = (line * weights.count + index) * step
                for place in 0..<step { result[target + place] = isRounded ? rounded(sums[place]) : Float(sums[place]) }
            }
        }
        return result
    }

    private func rounded(_ value: Double) -> Float { Float(min(max((value + 0.5).rounded(.down), 0), 255)) }

    private func weights(from old: Int, to new: Int) -> Weights {
        let scale = Double(old) / Double(new)
        let stretch = isAntialiased ? max(scale, 1) : 1
        let support = filter.support * stretch
        return (0..<new).map { index in
            let center = (Double(index) + 0.5) * scale
            let start = Int(max(center - support + 0.5, 0))
            let end = min(Int(center + support + 0.5), old)
            let raw = (start..<end).map { filter.value(at: (Double($0) - center + 0.5) / stretch) }
            let sum = raw.reduce(0, +)
            return (start, raw.map { isRounded ? fixedPoint($0 / sum) : $0 / sum })
        }
    }

    /// Rounds a weight to 22 fractional bits, as Pillow does for 8-bit images.
    private func fixedPoint(_ weight: Double) -> Double { (weight * 0x1p22).rounded() * 0x1p-22 }
}

/// A colour value of 0…255: a byte, or a Float32 between two passes.
private protocol ColourLevel {
    var level: Double { get }
}

extension UInt8: ColourLevel {
    fileprivate var level: Double { Double(self) }
}

extension Float: ColourLevel {
    fileprivate var level: Double { Double(self) }
}

extension Resampling.Filter {
    fileprivate var support: Double {
        switch self {
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    fileprivate func value(at distance: Double) -> Double {
        let x = abs(distance)
        if x >= support { return 0 }
        switch self {
        case .bilinear: return 1 - x
        case .bicubic: return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2
        case .lanczos: return sinc(x) * sinc(x / 3)
        }
    }

    private func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(.pi * x) / (.pi * x) }
}

extension Picture {
    /// The picture resized, by default as with Pillow's `Image.resize` and its Lanczos filter. Throws ``PictureError`` for a size below 1 × 1
    /// or that does not fit in memory.
    public func resized(
        width newWidth: Int, height newHeight: Int, by resampling: Resampling = Resampling(.lanczos, isRounded: true)
    ) throws(PictureError) -> Picture {
        guard newWidth > 0, newHeight > 0 else {
            throw PictureError("Picture.resized: expected a positive size, found \(newWidth) × \(newHeight)")
        }
        if (newWidth, newHeight) == (width, height) { return self }
        let colours = try resampling.resized(self, to: (newWidth, newHeight))
        return try Picture(
            width: newWidth, height: newHeight,
            pixels: colours.map { UInt8(min(max($0.rounded(), 0), 255)) })
    }

    /// The central square crop, resized to `size` with Pillow's Lanczos filter in 8 bits, as in the COCO-2014 protocol. Throws as
    /// ``resized(width:height:by:)``.
    public func centreSquare(resizedTo size: Int) throws(PictureError) -> Picture {
        let side = min(width, height)
        let (left, top) = ((width - side) / 2, (height - side) / 2)
        var square: [UInt8] = []
        square.reserveCapacity(3 * side * side)
        for row in top..<top + side {
            square += pixels[3 * (row * width + left)..<3 * (row * width + left + side)]
        }
        return try Picture(width: side, height: side, pixels: square).resized(width: size, height: size)
    }
}
