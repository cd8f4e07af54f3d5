import Foundation

/// The orientation of a stored image, with EXIF's numbers; it must be undone before the image is shown.
enum PictureOrientation: Int {
    case upright = 1, mirrored, halfTurned, flipped, transposed, turnedLeft, transversed, turnedRight

    /// The orientation in EXIF data, which consist of a TIFF header and its first directory; nil if it is not given.
    init?(exif data: Data) {
        var bytes = [UInt8](data)
        while bytes.starts(with: Array("Exif\0\0".utf8)) { bytes.removeFirst(6) }
        guard bytes.count >= 8 else { return nil }
        let isLittle = bytes.starts(with: [0x49, 0x49])
        func number(_ offset: Int, width: Int) -> Int? {
            guard offset >= 0, offset <= bytes.count - width else { return nil }
            let part = bytes[offset..<offset + width]
            return isLittle
                ? part.reversed().reduce(0) { $0 << 8 | Int($1) } : part.reduce(0) { $0 << 8 | Int($1) }
        }
        guard isLittle || bytes.starts(with: [0x4d, 0x4d]), let start = number(4, width: 4),
            let count = number(start, width: 2)
        else { return nil }
        for entry in 0..<count {
            let place = start + 2 + 12 * entry
            guard let tag = number(place, width: 2), let type = number(place + 2, width: 2) else { return nil }
            guard tag == 0x0112 else { continue }
            // BYTE, SHORT or LONG.
            guard let width = [1: 1, 3: 2, 4: 4][type], let value = number(place + 8, width: width) else { return nil }
            self.init(rawValue: value)
            return
        }
        return nil
    }

    /// The orientation in XMP data; nil if it is not given.
    init?(xmp data: Data) {
        for mark in ["tiff:Orientation=\"", "tiff:Orientation>"] {
            guard let range = data.range(of: Data(mark.utf8)), range.upperBound < data.endIndex else { continue }
            self.init(rawValue: Int(data[range.upperBound]) - 0x30)
            return
        }
        return nil
    }
}

extension Picture {
    /// The picture rotated or mirrored to be upright, as in Pillow's `exif_transpose`.
    func turned(upright orientation: PictureOrientation) throws(PictureError) -> Picture {
        if orientation == .upright { return self }
        let isSwapped = orientation.rawValue >= PictureOrientation.transposed.rawValue
        let (newWidth, newHeight) = isSwapped ? (height, width) : (width, height)
        var upright = [UInt8](repeating: 0, count: pixels.count)
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                let (column, row) =
                    switch orientation {
                    case .upright: (x, y)
                    case .mirrored: (width - 1 - x, y)
                    case .halfTurned: (width - 1 - x, height - 1 - y)
                    case .flipped: (x, height - 1 - y)
                    case .transposed: (y, x)
                    case .turnedLeft: (y, height - 1 - x)
                    case .transversed: (width - 1 - y, height - 1 - x)
                    case .turnedRight: (width - 1 - y, x)
                    }
                let (target, source) = (3 * (y * newWidth + x), 3 * (row * width + column))
                for colour in 0..<3 { upright[target + colour] = pixels[source + colour] }
            }
        }
        return try Picture(width: newWidth, height: newHeight, pixels: upright)
    }
}
