import Foundation
import Tensor

extension WrongCall {
    /// Files of tensors, and linear algebra.
    static let tensors: [WrongCall] = safetensorsFiles + matrices + streams

    private static func header(
        _ name: String, _ parts: String..., header: String, bytes: Int = 16, length: UInt64? = nil,
        storage: FileStorage = .mapped
    ) -> WrongCall {
        WrongCall("safetensors: \(name)", parts: parts) { bench in
            let url = try bench.safetensors(header, bytes: bytes, length: length)
            _ = try SafetensorsFile(contentsOf: url, storage: storage)
        }
    }

    private static let good = #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#

    private static func entry(_ type: String, _ shape: String, _ offsets: String) -> String {
        "{\"a\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
    }

    private static let safetensorsFiles: [WrongCall] = [
        header("a header longer than the file", "header length", "at most", "1000000", header: good, length: 1_000_000),
        header(
            "a header of 2^63 bytes", "header length", "at most", "9223372036854775808", header: good, length: 1 << 63),
        header(
            "a header longer than the file, into memory", "header length", "at most", "1000000", header: good,
            length: 1_000_000, storage: .memory),
        header("a header that is not JSON", "header", "JSON", header: "{\"a\": nonsense"),
        header("data that is cut short", "data_offsets", "cut short", "[0, 16]", header: good, bytes: 8),
        header("data after the last tensor", "data", "16 bytes", "20", header: good, bytes: 20),
        header("an unknown type", "dtype", "one of", "F12", header: entry("F12", "[4]", "[0,16]")),
        header("a negative extent", "shape", "extents", "[-4]", header: entry("F32", "[-4]", "[0,16]")),
        header(
            "a shape that overflows", "shape", "extents", "4611686018427387904",
            header: entry("F32", "[4611686018427387904,4]", "[0,16]")),
        header("another size than the shape's", "data_offsets", "16 bytes", "8", header: entry("F32", "[4]", "[0,8]")),
        header("falling offsets", "data_offsets", "rising", "[16, 0]", header: entry("F32", "[4]", "[16,0]")),
        header(
            "offsets past the largest integer", "header", "JSON",
            header: entry("F32", "[4]", "[0,99999999999999999999]")),
        WrongCall("safetensors: an empty file", "tensors", "at least 8 bytes", "0") { bench in
            _ = try SafetensorsFile(contentsOf: bench.file(Data(), "tensors"))
        },
        WrongCall("safetensors: an empty file, into memory", "tensors", "at least 8 bytes", "0") { bench in
            _ = try SafetensorsFile(contentsOf: bench.file(Data(), "tensors"), storage: .memory)
        },
        WrongCall("safetensors: a folder", "cannot be read", "not a file") { bench in
            _ = try SafetensorsFile(contentsOf: bench.emptyFolder())
        },
        WrongCall("safetensors: a folder, into memory", "cannot be read", "not a file") { bench in
            _ = try SafetensorsFile(contentsOf: bench.emptyFolder(), storage: .memory)
        },
        WrongCall("safetensors: no file", "cannot be read", "no such file") { bench in
            _ = try SafetensorsFile(contentsOf: bench.path())
        },
        WrongCall("safetensors: a larger file than memory", "cannot be read", "fits in", "MiB of memory") { bench in
            let url = try bench.file(Data())
            let handle = try FileHandle(forWritingTo: url)
            // A hole takes no room on the disk.
            try handle.truncate(atOffset: 1 << 42)
            _ = try SafetensorsFile(contentsOf: url, storage: .memory)
        },
        WrongCall("safetensors: a tensor that is not there", "b") { bench in
            _ = try SafetensorsFile(contentsOf: bench.safetensors(good, bytes: 16)).tensor("b")
        },
        WrongCall("safetensors: integers as numbers", "a", "floating-point", "I64") { bench in
            let url = try bench.safetensors(entry("I64", "[2]", "[0,16]"), bytes: 16)
            _ = try SafetensorsFile(contentsOf: url).tensor("a")
        },
        WrongCall("safetensors: too few scales", "w_scale", "F32 of shape [2]", "F32 of shape [1]") { bench in
            let header = """
                {"w":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]},\
                "w_scale":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
                """
            _ = try SafetensorsFile(contentsOf: bench.safetensors(header, bytes: 8)).mappedTensor("w")
        },
        WrongCall("safetensors: numbers as integers", "a", "integers", "F32") { bench in
            _ = try SafetensorsFile(contentsOf: bench.safetensors(good, bytes: 16)).integers("a")
        },
        WrongCall("safetensors: a name twice", "cannot be written", "\"a\" occurs twice") { bench in
            try Safetensors.write([("a", .zeros([1])), ("a", .zeros([1]))], to: bench.path())
        },
        WrongCall("safetensors: NaN", "a", "1") { bench in
            try Safetensors.write([("a", Tensor([.nan], shape: [1]))], to: bench.path())
        },
        WrongCall("safetensors: a number too large for Float16", "a", "1") { bench in
            try Safetensors.write([("a", Tensor([1e6], shape: [1]))], scalarType: .float16, to: bench.path())
        },
        WrongCall("safetensors: written as integers", "F32, F16, BF16 or I8", "I64") { bench in
            try Safetensors.write([("a", .zeros([1]))], scalarType: .int64, to: bench.path())
        },
        WrongCall("safetensors: written to a folder", "folder") { bench in
            try Safetensors.write([("a", .zeros([1]))], to: bench.emptyFolder())
        },
    ]

    private static let matrices: [WrongCall] = [
        WrongCall("matrix: too few numbers", "Matrix", "2 × 2", "3") { _ in
            _ = try Matrix([1, 2, 3], rows: 2, columns: 2)
        },
        WrongCall("matrix: extents negative", "Matrix", "-1 × -1", "1") { _ in
            _ = try Matrix([1], rows: -1, columns: -1)
        },
        WrongCall("matrix: extents that overflow", "Matrix", "\(Int.max)", "0") { _ in
            _ = try Matrix([], rows: .max, columns: .max)
        },
        WrongCall("matrix: a product that does not fit", "Matrix.matmul", "columns", "1 × 2 and 1 × 2") { _ in
            let row = try Matrix([1, 2], rows: 1, columns: 2)
            _ = try row.matmul(row)
        },
        WrongCall("matrix: eigenvalues of one that is not square", "symmetricEigen", "square", "1 × 2") { _ in
            _ = try Matrix([1, 2], rows: 1, columns: 2).symmetricEigen()
        },
        WrongCall("matrix: eigenvalues of NaN", "symmetricEigen", "finite", "1") { _ in
            _ = try Matrix([.nan], rows: 1, columns: 1).symmetricEigen()
        },
        WrongCall("matrix: least squares of different heights", "leastSquares", "rows", "1 × 1 and 2 × 1") { _ in
            _ = try Matrix([1], rows: 1, columns: 1).leastSquares(Matrix([1, 2], rows: 2, columns: 1))
        },
        WrongCall("matrix: least squares with a threshold of 2", "leastSquares", "threshold", "between 0 and 1", "2.0")
        { _ in
            let one = try Matrix([1], rows: 1, columns: 1)
            _ = try one.leastSquares(one, threshold: 2)
        },
        WrongCall("matrix: least squares with a threshold of NaN", "leastSquares", "threshold", "nan") { _ in
            let one = try Matrix([1], rows: 1, columns: 1)
            _ = try one.leastSquares(one, threshold: .nan)
        },
    ]

    /// Saved states of random streams that no stream has.
    private static func stream(
        _ name: String, _ parts: String..., change: @escaping @Sendable (inout [String: Any]) -> Void
    ) -> WrongCall {
        WrongCall("random stream: \(name)", parts: parts) { _ in
            let saved = try JSONEncoder().encode(RandomStream(seed: 1))
            var fields = try JSONSerialization.jsonObject(with: saved) as? [String: Any] ?? [:]
            change(&fields)
            var stream = try JSONDecoder().decode(
                RandomStream.self, from: JSONSerialization.data(withJSONObject: fields))
            _ = stream.unit()
        }
    }

    private static let streams: [WrongCall] = [
        stream("an empty state") { $0 = [:] },
        stream("a state of the wrong types") { fields in fields = fields.mapValues { _ in "text" } },
        stream("too few words", "624 words", "3 and") {
            $0["words"] = Data(repeating: 1, count: 12).base64EncodedString()
        },
        stream("a position after the end", "0 to 624", "625") { $0["position"] = 625 },
        stream("a position before the start", "0 to 624", "-1") { $0["position"] = -1 },
    ]
}
