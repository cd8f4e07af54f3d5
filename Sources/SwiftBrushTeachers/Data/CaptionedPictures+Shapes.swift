import DiffusionModels

extension CaptionedPictures {
    /// A data set of shapes drawn in code: 6 colours × 5 shapes × 5 positions, with captions such as "red ring on the left".
    ///
    /// Every tenth combination is held out; its colour, shape and position occur in the training split.
    ///
    /// - Parameter side: the height and width of the pictures, in pixels.
    ///
    /// Throws ``TrainingError`` for a side out of range.
    public static func shapes(side: Int = 32) throws -> CaptionedPictures {
        try TrainingError.check((1...1024).contains(side), "side", expected: "1 to 1024", found: side)
        var captions: [CaptionedPicture] = []
        var pictures: [Picture] = []
        for (c, colour) in colours.enumerated() {
            for (s, shape) in LatentShape.allCases.enumerated() {
                for (p, place) in places.enumerated() {
                    captions.append(
                        CaptionedPicture(
                            fileName: "\(colour.name)-\(shape)-\(place.name.split(separator: " ").last ?? "").png",
                            text: "\(colour.name) \(shape) \(place.name)", keywords: [colour.name, place.name],
                            group: "a \(shape)", split: (c + 3 * s + 7 * p) % 10 == 0 ? .heldOut : .train))
                    pictures.append(try shape.picture(side: side, colour: colour.rgb, x: place.x, y: place.y))
                }
            }
        }
        return try CaptionedPictures(captions, pictures)
    }

    private static let colours: [(name: String, rgb: [Double])] = [
        ("red", [222, 45, 38]), ("orange", [253, 141, 20]), ("yellow", [250, 210, 40]), ("green", [49, 163, 84]),
        ("blue", [44, 102, 210]), ("purple", [130, 60, 170]),
    ]

    /// The positions of the shape's centre, as fractions of the picture's side.
    private static let places: [(name: String, x: Double, y: Double)] = [
        ("in the middle", 0.5, 0.5), ("on the left", 0.32, 0.5), ("on the right", 0.68, 0.5), ("at the top", 0.5, 0.32),
        ("at the bottom", 0.5, 0.68),
    ]
}

/// A shape a little more than half as wide as its picture.
private enum LatentShape: String, CaseIterable, CustomStringConvertible {
    case circle, square, triangle, ring, cross

    var description: String { rawValue }

    /// Whether the shape contains a point, given relative to the shape's centre in fractions of the picture's side.
    private func contains(_ x: Double, _ y: Double) -> Bool {
        let distance = (x * x + y * y).squareRoot()
        switch self {
        case .circle: return distance < 0.3
        case .square: return max(abs(x), abs(y)) < 0.26
        case .triangle: return y < 0.26 && 2 * abs(x) < (y + 0.28) * 1.15
        case .ring: return distance < 0.3 && distance > 0.16
        case .cross: return min(abs(x), abs(y)) < 0.1 && max(abs(x), abs(y)) < 0.29
        }
    }

    /// The shape on white, antialiased: a pixel's colour is the mean of 16 points.
    func picture(side: Int, colour: [Double], x: Double, y: Double) throws -> Picture {
        let points = 4
        var pixels: [UInt8] = []
        for row in 0..<side {
            for column in 0..<side {
                var inside = 0
                for point in 0..<points * points {
                    let across = (Double(column) + (Double(point % points) + 0.5) / Double(points)) / Double(side)
                    let down = (Double(row) + (Double(point / points) + 0.5) / Double(points)) / Double(side)
                    if contains(across - x, down - y) { inside += 1 }
                }
                let share = Double(inside) / Double(points * points)
                pixels += colour.map { UInt8((255 + share * ($0 - 255)).rounded()) }
            }
        }
        return try Picture(width: side, height: side, pixels: pixels)
    }
}
