import CZlib
import Foundation

/// A zip archive in memory, as far as numpy writes them: members stored or deflated, no encryption, below 4 GB.
struct ZipArchive {
    private struct Member {
        let isDeflated: Bool
        let storedSize: Int
        let size: Int
        let checksum: UInt32
        let header: Int
    }

    private let path: String
    private let bytes: Data
    private var members: [String: Member] = [:]

    /// Reads the list of members. Throws ``EvaluationError`` for a file that is not such an archive.
    init(contentsOf url: URL) throws {
        path = url.path
        do { bytes = try Data(contentsOf: url) } catch {
            throw EvaluationError.unreadable(path: path, reason: error.localizedDescription)
        }
        // The end record is 22 bytes long; a comment may follow it.
        let latest = bytes.count - 22
        guard latest >= 0,
            let end = (max(0, latest - 65_535)...latest).last(where: { number($0, 4) == 0x0605_4b50 })
        else { throw EvaluationError.unreadable(path: path, reason: "it is not a zip archive") }
        var place = try field(end + 16, 4)
        for _ in 0..<(try field(end + 10, 2)) {
            guard try field(place, 4) == 0x0201_4b50 else { throw damaged("its list of members") }
            let (method, flags) = (try field(place + 10, 2), try field(place + 8, 2))
            let (nameLength, extra) = (try field(place + 28, 2), try field(place + 30, 2) + field(place + 32, 2))
            guard place + 46 + nameLength <= bytes.count else { throw damaged("its list of members") }
            let name = String(decoding: bytes[place + 46..<place + 46 + nameLength], as: UTF8.self)
            guard [0, 8].contains(method), flags & 1 == 0 else {
                throw EvaluationError.unreadable(
                    path: path, reason: "\(name) is neither stored nor deflated (method \(method), flags \(flags))")
            }
            members[name] = Member(
                isDeflated: method == 8, storedSize: try field(place + 20, 4), size: try field(place + 24, 4),
                checksum: UInt32(try field(place + 16, 4)), header: try field(place + 42, 4))
            place += 46 + nameLength + extra
        }
    }

    /// The names of the members, sorted.
    var names: [String] { members.keys.sorted() }

    /// A member's contents, nil when there is none of that name. Throws ``EvaluationError`` for damaged ones.
    func contents(of name: String) throws -> Data? {
        guard let member = members[name] else { return nil }
        guard try field(member.header, 4) == 0x0403_4b50 else { throw damaged(name) }
        let start = member.header + 30 + (try field(member.header + 26, 2)) + (try field(member.header + 28, 2))
        guard start + member.storedSize <= bytes.count else { throw damaged(name) }
        let stored = bytes[start..<start + member.storedSize]
        let contents = member.isDeflated ? try inflated(stored, to: member.size, name) : Data(stored)
        guard contents.count == member.size, checksum(of: contents) == member.checksum else { throw damaged(name) }
        return contents
    }

    private func inflated(_ stored: Data, to size: Int, _ name: String) throws -> Data {
        // Deflate packs at most 1,032 : 1; a larger size is damage, and would ask for absurd memory.
        guard size <= 1032 * stored.count + 64 else { throw damaged(name) }
        var (stream, result) = (z_stream(), Data(count: size))
        // Negative: deflated data without zlib's own header.
        guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw damaged(name)
        }
        defer { inflateEnd(&stream) }
        let status = stored.withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                stream.next_in = UnsafeMutablePointer(mutating: source.bindMemory(to: UInt8.self).baseAddress)
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(target.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        guard status == Z_STREAM_END, stream.avail_out == 0 else { throw damaged(name) }
        return result
    }

    private func damaged(_ part: String) -> EvaluationError {
        .unreadable(path: path, reason: "the archive is damaged at \(part)")
    }

    private func field(_ place: Int, _ width: Int) throws -> Int {
        guard let number = number(place, width) else { throw damaged("byte \(place)") }
        return number
    }

    private func number(_ place: Int, _ width: Int) -> Int? {
        guard place >= 0, place + width <= bytes.count else { return nil }
        return (0..<width).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
}

extension ZipArchive {
    /// The bytes of an archive of stored members, as numpy's `savez` makes it.
    static func encode(_ members: [(name: String, contents: Data)]) -> Data {
        var (archive, directory) = (Data(), Data())
        for (name, contents) in members {
            let start = archive.count
            // Version 2.0, no flags, stored, 1 January 1980; the same fields stand in both places.
            var fields = Data([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0])
            fields.append(Int(checksum(of: contents)), contents.count, contents.count)
            fields.append(contentsOf: [UInt8(name.utf8.count), 0, 0, 0])
            archive.append(contentsOf: [0x50, 0x4b, 3, 4])
            archive += fields + Data(name.utf8) + contents
            directory.append(contentsOf: [0x50, 0x4b, 1, 2, 20, 0])
            directory += fields + Data(count: 10)
            directory.append(start)
            directory += Data(name.utf8)
        }
        let directoryStart = archive.count
        archive += directory
        archive.append(contentsOf: [0x50, 0x4b, 5, 6, 0, 0, 0, 0])
        for _ in 0..<2 { archive.append(contentsOf: [UInt8(members.count), 0]) }
        archive.append(directory.count, directoryStart)
        return archive + Data(count: 2)
    }
}

private func checksum(of bytes: Data) -> UInt32 {
    bytes.withUnsafeBytes { buffer in
        UInt32(crc32_z(0, buffer.bindMemory(to: UInt8.self).baseAddress, buffer.count))
    }
}

extension Data {
    /// Appends numbers of 32 bits, little-endian.
    fileprivate mutating func append(_ numbers: Int...) {
        for number in numbers { append(contentsOf: (0..<4).map { UInt8(number >> (8 * $0) & 0xff) }) }
    }
}
