// Runs under `iommuctl exec`: goroutines that make IOASes and map memory, children that inherit the context as descriptor 3, many os/exec at once.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	iommuIoasAlloc = 0x3b81
	iommuIoasMap   = 0x3b85
)

var failed atomic.Int32

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		failed.Add(1)
	}
}

func call(fd uintptr, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func ioas(fd uintptr) (uint32, error) {
	arg := [3]uint32{12, 0, 0}
	err := call(fd, iommuIoasAlloc, unsafe.Pointer(&arg))
	return arg[2], err
}

func work(fd uintptr) {
	id, err := ioas(fd)
	must(err)
	memory, err := syscall.Mmap(-1, 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	must(err)
	arg := struct {
		size, flags, ioas, reserved uint32
		address, length, iova       uint64
	}{40, 6, id, 0, uint64(uintptr(unsafe.Pointer(&memory[0]))), 8192, 0}
	must(call(fd, iommuIoasMap, unsafe.Pointer(&arg)))
	must(syscall.Munmap(memory))
}

func main() {
	if len(os.Args) > 1 {
		_, err := ioas(3)
		must(err)
		os.Exit(int(failed.Load()))
	}
	file, err := os.OpenFile("/dev/iommu", os.O_RDWR, 0)
	must(err)
	fd := file.Fd()
	var wait sync.WaitGroup
	for i := 0; i < 200; i++ {
		wait.Add(2)
		go func() {
			defer wait.Done()
			for j := 0; j < 20; j++ {
				work(fd)
			}
		}()
		go func(i int) {
			defer wait.Done()
			if i%10 != 0 {
				return
			}
			child := exec.Command("/proc/self/exe", "child")
			child.ExtraFiles = []*os.File{file}
			must(child.Run())
		}(i)
	}
	wait.Wait()
	id, err := ioas(fd)
	must(err)
	fmt.Println(id > 4020, failed.Load(), "failed")
}
