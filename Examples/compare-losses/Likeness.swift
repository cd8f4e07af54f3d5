import DiffusionModels
import Foundation

/// Measures the similarity of a student's images to its teacher's in 25 guided steps, for the same prompts and seeds.
struct Likeness {
    private let prompts: [String]
    private let seed: UInt64
    private let references: [Picture]

    /// Generates the teacher's images for at most 64 of the prompts, evenly spread.
    init(to teacher: TextToImageModel, prompts: [String], seed: UInt64) throws {
        let every = (prompts.count + 63) / 64
        self.prompts = stride(from: 0, to: prompts.count, by: every).map { prompts[$0] }
        self.seed = seed
        var sampler = try teacher.samples(
            for: self.prompts, SamplingSettings(steps: 25, guidanceScale: 4.5), seed: seed)
        references = try sampler.last().map { try teacher.pictures(from: $0.latents) } ?? []
    }

    /// The teacher's own grain, for comparison.
    var teacherGrain: String { String(format: "%.4f", grain(of: references)) }

    /// The mean PSNR in decibels over the images, and the student's grain, as two table cells.
    func callAsFunction(_ student: TextToImageModel) throws -> String {
        let pictures = try student.pictures(for: prompts, seed: seed)
        let ratios = zip(pictures, references).map { ours, theirs in
            let squares = zip(ours.pixels, theirs.pixels).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            return 10 * log10(255 * 255 * Double(ours.pixels.count) / squares)
        }
        return String(format: "%.2f dB | %.4f", ratios.reduce(0, +) / Double(ratios.count), grain(of: pictures))
    }

    /// The mean absolute difference of horizontal neighbours, in 0…1: noise raises it, blur lowers it.
    private func grain(of pictures: [Picture]) -> Double {
        let means = pictures.map { picture in
            let row = 3 * picture.width
            let steps = picture.pixels.indices.filter { $0 % row >= 3 }
            return steps.reduce(0.0) { $0 + abs(Double(picture.pixels[$1]) - Double(picture.pixels[$1 - 3])) }
                / Double(255 * steps.count)
        }
        return means.reduce(0, +) / Double(means.count)
    }
}
