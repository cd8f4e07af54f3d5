import Autograd
import Foundation
import Tensor

/// Generates images of many prompts in batches and writes them to a folder: call `next()` until it returns nil.
///
/// The folder contains one PNG file per image, named after the number of its prompt and, with several images per prompt, its own number
/// (`0012-003.png`, both from 1); `metadata.jsonl`, the list of the existing files; and `generation.json` with the settings and the time. Existing
/// images are not generated again, so that a stopped generation can be resumed.
///
/// Image n, from 0, is generated from the noise of seed `seed + n`, and its file records that seed. It depends only on its prompt and seed, bit
/// for bit, whatever the batch size and wherever the generation was stopped.
public struct PictureGeneration: Sendable {
    /// The folder of the images.
    public let folder: URL
    /// The prompts.
    public let prompts: [String]
    /// The number of images per prompt.
    public let picturesPerPrompt: Int
    /// The time taken so far, including earlier runs.
    public private(set) var time: GenerationTime

    private let model: TextToImageModel
    private let encoder: any TextEncoder
    private let sampling: PictureSampling
    /// Warnings for the user about the sampler's settings.
    public let warnings: [String]
    private let unconditional: TextCondition
    /// The number of windows of every prompt; the same for all, so that an image does not depend on the others of its batch.
    private let windows: Int
    private let seed: UInt64
    private let size: LatentSize
    private let batchSize: Int
    private let settings: [String: String]
    private let record: [String: String]
    private let lock: FolderLock
    /// The numbers of the existing images.
    private var generated: Set<Int> = []
    /// The batches with missing images. A batch is always generated as a whole, so that the point of interruption does not affect the
    /// result.
    private var batches: ArraySlice<Range<Int>>

    /// Starts or resumes a generation.
    ///
    /// - Parameters:
    ///   - prompts: at least one, each a line of a ``PromptFile``.
    ///   - picturesPerPrompt: the number of images per prompt.
    ///   - model: the model that generates the images.
    ///   - sampling: how the model is sampled.
    ///   - seed: the seed of the first image.
    ///   - size: the size of the latents; nil means the size that the network was trained on.
    ///   - record: further settings that determine the images, such as the model's name; recorded in each file.
    ///   - folder: the output folder, created if it does not exist; otherwise empty, or started with the same settings.
    ///   - batchSize: the number of images generated at a time.
    ///
    /// Throws ``ModelError`` for an argument out of range, a model that cannot be sampled this way, and a folder with other contents; and
    /// file-system errors.
    public init(
        of prompts: [String], picturesPerPrompt: Int = 1, by model: TextToImageModel, _ sampling: PictureSampling,
        seed: UInt64 = 0, size: LatentSize? = nil, record: [String: String] = [:], in folder: URL, batchSize: Int = 8
    ) throws {
        let sampling = try model.checked(sampling, operation: "PictureGeneration")
        let counts = [
            ("prompts", prompts.count), ("picturesPerPrompt", picturesPerPrompt), ("batchSize", batchSize),
        ]
        for (name, count) in counts where count < 1 {
            throw ModelError.invalidArgument(
                operation: "PictureGeneration", argument: name, expected: "at least 1", found: "\(count)")
        }
        let (total, isTooLarge) = prompts.count.multipliedReportingOverflow(by: picturesPerPrompt)
        guard !isTooLarge, total <= 10_000_000 else {
            throw ModelError.invalidArgument(
                operation: "PictureGeneration", argument: "picturesPerPrompt",
                expected: "at most 10000000 pictures in all",
                found: "\(prompts.count) × \(picturesPerPrompt)")
        }
        (self.prompts, self.picturesPerPrompt, self.model, self.sampling) = (
            prompts, picturesPerPrompt, model, sampling
        )
        (self.seed, self.folder, self.batchSize) = (seed, folder, batchSize)
        self.size = size ?? model.latentSize
        try model.checkMemory(
            count: Swift.min(batchSize, total), size: self.size, operation: "PictureGeneration")
        encoder = try model.textEncoder.loaded()
        let chosen: SamplingSettings? = if case .steps(let settings) = sampling { settings } else { nil }
        var sampler = chosen?.sampler
        let startWarnings = try chosen.flatMap { try sampler?.begin(steps: $0.steps).startWarnings } ?? []
        let negativePrompt = chosen?.negativePrompt ?? ""
        windows = encoder.windowCount(for: prompts + [negativePrompt])
        unconditional = try encoder.embeddings(for: [negativePrompt], windows: windows).condition(for: [negativePrompt])
        warnings = (chosen?.sampler?.warnings ?? []) + startWarnings
        self.record = record.merging(sampling.record) { $1 }.merging(encoder.record) { $1 }
        settings = self.record.merging([
            "prompts": "\(prompts.count) (\(StableHash(of: prompts)))", "pictures per prompt": "\(picturesPerPrompt)",
            "seed": "\(seed)", "latents": "\(self.size.height) × \(self.size.width)",
            "weights": "\(try StableHash(of: model, encoder))",
        ]) { $1 }
        (lock, time) = try GenerationRecord.begin(settings, in: folder)
        batches = []
        let count = prompts.count * picturesPerPrompt
        let all = stride(from: 0, to: count, by: batchSize).map { $0..<Swift.min($0 + batchSize, count) }
        generated = try Set((0..<count).filter(isWhole))
        batches = all.filter { !$0.allSatisfy(generated.contains) }[...]
        try writeList()
    }

    /// The total number of images.
    public var count: Int { prompts.count * picturesPerPrompt }

    /// The number of images in the remaining batches.
    public var missingCount: Int { batches.reduce(0) { $0 + $1.count } }

    /// Generates the next batch. Returns the ``missingCount`` after it, or nil if no batch was left.
    ///
    /// Throws ``ModelError`` if latents are infinite or NaN, and `FileError`.
    public mutating func next() throws -> Int? {
        guard let batch = batches.first else { return nil }
        try Task.checkCancellation()
        let start = ContinuousClock.now
        let texts = batch.map(prompt)
        let condition = try encoder.embeddings(for: texts, windows: windows).condition(for: texts)
        var noise = LatentNoise(streams: batch.map { RandomStream(seed: seed(of: $0)) })
        let latents = noise.next(
            height: size.height, width: size.width, channels: model.network.latentChannels)
        let networkStart = ContinuousClock.now
        let sampled = try model.sampled(
            sampling, from: latents, noise, given: condition, unconditional: unconditional)
        let networkTime = ContinuousClock.now - networkStart
        var added: [PictureEntry] = []
        for (number, picture) in try zip(batch, model.pictures(from: sampled)) where !generated.contains(number) {
            try PNG.write(picture, text: text(of: number), to: file(number))
            generated.insert(number)
            added.append(entry(number))
        }
        try PictureList.append(added, in: folder)
        batches.removeFirst()
        time.add(batch.count, network: networkTime, whole: ContinuousClock.now - start)
        try GenerationRecord(settings: settings, time: time).write(in: folder)
        // Restores the order: entries of images that already existed may come before the appended ones.
        if batches.isEmpty { try writeList() }
        return missingCount
    }
}

extension PictureGeneration {
    private func prompt(of number: Int) -> String { prompts[number / picturesPerPrompt] }
    private func seed(of number: Int) -> UInt64 { seed &+ UInt64(number) }
    private func file(_ number: Int) -> URL { folder.appending(path: name(of: number)) }

    /// Whether an image's file exists and is intact; a damaged one is reported and will be generated again. Throws ``ModelError`` for
    /// a file of that name that is not a PNG file, since this generation did not write it.
    private func isWhole(_ number: Int) throws -> Bool {
        let file = file(number)
        guard FileManager.default.fileExists(atPath: file.path) else { return false }
        switch PNG.wholeness(of: try FileContents.read(file)) {
        case .whole: return true
        case .damaged:
            StandardError.write(line: "\(file.path) is damaged and will be generated again")
            return false
        case .foreign:
            throw ModelError.unreadableFile(
                path: file.path,
                reason: "expected an image of this generation, which would be written here; move the file away")
        }
    }

    /// The file name of an image; names sort in the order of their numbers.
    private func name(of number: Int) -> String {
        func digits(_ number: Int, of count: Int) -> String {
            let (digits, width) = ("\(number + 1)", "\(count)".count)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        let line = digits(number / picturesPerPrompt, of: prompts.count)
        if picturesPerPrompt == 1 { return "\(line).png" }
        return "\(line)-\(digits(number % picturesPerPrompt, of: picturesPerPrompt)).png"
    }

    private func entry(_ number: Int) -> PictureEntry {
        PictureEntry(fileName: name(of: number), text: prompt(of: number))
    }

    private func text(of number: Int) -> [String: String] {
        record.merging([
            "prompt": prompt(of: number), "seed": "\(seed(of: number))", "Software": "SwiftBrush \(SwiftBrush.version)",
        ]) { $1 }
    }

    private func writeList() throws {
        try PictureList.write(generated.sorted().map(entry), in: folder)
    }
}

extension StableHash {
    fileprivate init(of prompts: [String]) {
        self.init()
        for prompt in prompts { combine("\(prompt)\n".utf8) }
    }

    /// A hash of some weights of every part.
    fileprivate init(of model: TextToImageModel, _ encoder: any TextEncoder) throws {
        self.init()
        for parameters in [model.network.parameters, model.decoder.parameters] { combine(parameters.sample) }
        combine(try encoder.fingerprint().numbers.scalars)
    }
}
