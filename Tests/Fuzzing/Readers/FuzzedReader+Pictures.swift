import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import SwiftBrushTeachers
import SwiftBrushTestFixtures
import Tensor

extension FuzzedReader {
    static let pictures: [FuzzedReader] = [
        FuzzedReader("png", .bytes, seeds: []) { folder in
            let file = folder.appending(path: "any.png")
            return { input in
                try input.replace(file)
                _ = try? PNG.decode(input)
                _ = try Picture(contentsOf: file)
            }
        }.startingWith {
            try PNG.write(try Picture(width: 3, height: 2, pixels: Array(0..<18)), text: ["a": "b"], to: $0)
        },
        FuzzedReader("jpeg", .bytes, seeds: []) { folder in
            let file = folder.appending(path: "any.jpg")
            return { input in
                try input.replace(file)
                _ = try Picture(contentsOf: file)
                _ = try Picture(contentsOf: file, isUpright: true)
            }
        }.startingWith(inputs: {
            let files = try SafetensorsFile(contentsOf: Fixtures.url("pictures/files.safetensors"))
            return try ["420", "grey-progressive", "restart", "cmyk", "ycck", "turned-6", "turned-xmp"].map { name in
                Data(try files.integers("jpeg-\(name).file").map { UInt8($0) })
            }
        }),
        FuzzedReader("feature-statistics", .bytes, seeds: ["statistics/packed.npz", "statistics/stored.npz"]) {
            folder in
            let file = folder.appending(path: "any.npz")
            return { input in
                try input.replace(file)
                let statistics = try FeatureStatistics(contentsOf: file)
                guard statistics.width <= 64 else { return }
                _ = try frechetDistance(statistics, statistics)
            }
        },
        FuzzedReader("picture-list", .jsonLines, texts: [list]) { folder in
            let picture = try Picture(width: 2, height: 2, pixels: [UInt8](repeating: 9, count: 12))
            for name in ["a.png", "b.png"] { try PNG.write(picture, to: folder.appending(path: name)) }
            return { input in
                try input.replace(folder.appending(path: PictureList.fileName))
                let pictures = try PictureFolder(contentsOf: folder)
                _ = (try? pictures.captions(), try? pictures.split("train"))
                _ = try CaptionedPictures(contentsOf: folder)
            }
        },
        FuzzedReader("captions", .text, texts: ["a cat\na dog\n"]) { folder in
            let picture = try Picture(width: 2, height: 2, pixels: [UInt8](repeating: 9, count: 12))
            for name in ["a.png", "b.png"] { try PNG.write(picture, to: folder.appending(path: name)) }
            return { input in
                try input.replace(folder.appending(path: "captions.txt"))
                _ = try PictureFolder(contentsOf: folder).captioned(by: folder.appending(path: "captions.txt"))
                    .captions()
            }
        },
    ]

    private static let list = """
        {"file_name": "a.png", "text": "red heart", "keywords": ["love"], "group": "a heart", "split": "train", "weight": 2}
        {"file_name": "b.png", "text": "a cat", "split": "held-out"}
        """
}
