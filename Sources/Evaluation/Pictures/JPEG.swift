import CTurboJPEG
import DiffusionModels
import Foundation

/// JPEG files, through libjpeg-turbo.
public enum JPEG {
    /// The picture in a JPEG file's bytes as 8-bit RGB, grey ones too; the orientation that a camera noted is not applied, as in
    /// Pillow. `path` stands in errors.
    ///
    /// Throws ``EvaluationError`` for a file that is damaged, cut off, or neither grey nor in colours of three parts.
    public static func decode(_ data: Data, path: String) throws -> Picture {
        guard let decoder = tjInitDecompress() else {
            throw EvaluationError.unreadable(path: path, reason: "libjpeg-turbo cannot be started")
        }
        defer { tjDestroy(decoder) }
        func check(_ status: Int32) throws {
            // Warnings, such as of a file that ends early, count as errors: a metric of grey halves is no metric.
            guard status == 0 else {
                let reason = tjGetErrorStr2(decoder).map { String(cString: $0) } ?? "unknown"
                throw EvaluationError.unreadable(path: path, reason: "not a readable JPEG file: \(reason)")
            }
        }
        return try data.withUnsafeBytes { buffer in
            let bytes = buffer.bindMemory(to: UInt8.self).baseAddress
            var (width, height, sampling, space) = (Int32(0), Int32(0), Int32(0), Int32(0))
            try check(tjDecompressHeader3(decoder, bytes, UInt(buffer.count), &width, &height, &sampling, &space))
            guard space != Int32(TJCS_CMYK.rawValue), space != Int32(TJCS_YCCK.rawValue), width > 0, height > 0 else {
                throw EvaluationError.unsuitableContents(
                    path: path, expected: "a grey JPEG picture or one in colours of three parts", found: "CMYK")
            }
            var pixels = [UInt8](repeating: 0, count: 3 * Int(width) * Int(height))
            try check(
                tjDecompress2(
                    decoder, bytes, UInt(buffer.count), &pixels, width, 0, height, Int32(TJPF_RGB.rawValue),
                    TJFLAG_ACCURATEDCT))
            return Picture(width: Int(width), height: Int(height), pixels: pixels)
        }
    }
}

extension Picture {
    /// Reads a PNG or JPEG file, which its first bytes tell apart. Throws ``EvaluationError`` with the path.
    public init(contentsOf url: URL) throws {
        let data: Data
        do { data = try Data(contentsOf: url) } catch {
            throw EvaluationError.unreadable(path: url.path, reason: error.localizedDescription)
        }
        if data.starts(with: [0xff, 0xd8]) {
            self = try JPEG.decode(data, path: url.path)
        } else if data.starts(with: [0x89] + Array("PNG".utf8)) {
            do { self = try PNG.decode(data) } catch let error as PNG.Error {
                throw EvaluationError.unreadable(path: url.path, reason: error.description)
            }
        } else {
            throw EvaluationError.unreadable(path: url.path, reason: "expected a PNG or JPEG file")
        }
    }
}
